-- Argo CD's health script at every state of a ReplicaBootstrap: lua5.4 tests/kube/health.lua, from the root.
local script = assert(loadfile("examples/kubernetes/argocd/health.lua"))

local function case(object, wanted)
  obj = object
  local health = script()
  assert(health.status == wanted, wanted .. " was wanted, not " .. health.status)
  assert(type(health.message) == "string" and health.message ~= "", "no message with " .. wanted)
end

local function condition(kind, status)
  return {type = kind, status = status, message = "m"}
end

local function object(phase, conditions, seen)
  return {
    metadata = {generation = 2},
    status = {observedGeneration = seen or 2, phase = phase, conditions = conditions},
  }
end

case({metadata = {generation = 1}}, "Progressing")
case({metadata = {generation = 1}, status = {run = {id = "1"}}}, "Progressing")
case(object("Succeeded", {condition("Ready", "True")}, 1), "Progressing")
case(object("Pending", {condition("Ready", "Unknown"), condition("Reconciling", "True")}), "Progressing")
case(object("Running", {condition("Ready", "False"), condition("Reconciling", "True")}), "Progressing")
case(object("Failed", {condition("Ready", "False"), condition("Stalled", "True")}), "Degraded")
case(object("Suspended", {condition("Ready", "False")}), "Suspended")
case(object("Succeeded", {condition("Ready", "True")}), "Healthy")
