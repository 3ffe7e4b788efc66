-- Health of a ReplicaBootstrap for Argo CD: from its conditions, in the order in which Kubernetes' tools read them.
local health = {status = "Progressing", message = "the operator has not seen this yet"}

local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "the operator has not seen the last change yet"
  return health
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local ready = conditions["Ready"]
local stalled = conditions["Stalled"]
local reconciling = conditions["Reconciling"]

if reconciling ~= nil and reconciling.status == "True" then
  health.message = reconciling.message
elseif stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
  health.message = stalled.message
elseif ready ~= nil and ready.status == "True" then
  health.status = "Healthy"
  health.message = ready.message
elseif status.phase == "Suspended" then
  health.status = "Suspended"
  health.message = ready ~= nil and ready.message or "suspended"
elseif ready ~= nil then
  health.message = ready.message
end
return health
