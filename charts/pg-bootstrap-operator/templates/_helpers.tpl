{{- define "pg-bootstrap-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "pg-bootstrap-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "pg-bootstrap-operator.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A Service's name is a label of DNS: short, without dots, and begins with a letter. */ -}}
{{- define "pg-bootstrap-operator.metricsService" -}}
{{- $name := include "pg-bootstrap-operator.fullname" . | replace "." "-" -}}
{{- if regexMatch "^[0-9]" $name -}}
{{- $name = printf "op-%s" $name -}}
{{- end -}}
{{- printf "%s-metrics" ($name | trunc 55 | trimSuffix "-") -}}
{{- end -}}

{{- /* Never the labels by which the operator knows the Jobs that it made. */ -}}
{{- define "pg-bootstrap-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pg-bootstrap-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pg-bootstrap-operator.labels" -}}
{{ include "pg-bootstrap-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* A map of the user's with the chart's own laid over it: (list users charts-as-yaml). No key comes twice, the chart's wins. */ -}}
{{- define "pg-bootstrap-operator.merged" -}}
{{- mergeOverwrite (deepCopy (default dict (index . 0))) (index . 1 | fromYaml) | toYaml -}}
{{- end -}}

{{- define "pg-bootstrap-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pg-bootstrap-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* An image: (list its-values appVersion). */ -}}
{{- define "pg-bootstrap-operator.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 1) $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "pg-bootstrap-operator.lease" -}}
{{- default (include "pg-bootstrap-operator.fullname" .) .Values.leaderElection.id -}}
{{- end -}}

{{- define "pg-bootstrap-operator.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- end -}}

{{- define "pg-bootstrap-operator.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- /* What the operator needs where its objects are. It must hold what the runners' roles grant: get and patch of the
status. Secrets are not among it. */ -}}
{{- define "pg-bootstrap-operator.rules" -}}
# Finalizers are patched in the object itself.
- apiGroups: [bootstrap.kasho.io]
  resources: [replicabootstraps]
  verbs: [get, list, watch, patch]
- apiGroups: [bootstrap.kasho.io]
  resources: [replicabootstraps/status]
  verbs: [patch]
# Where the API server enforces it, an owner reference that blocks deletion needs this.
- apiGroups: [bootstrap.kasho.io]
  resources: [replicabootstraps/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, create, patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [pods, events]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
