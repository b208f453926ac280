{{- define "tfmodel.name" -}}tfmodel-operator{{- end }}

{{- define "tfmodel.fullname" -}}
{{- if contains "tfmodel-operator" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else if eq .Release.Name "tfmodel" }}tfmodel-operator{{ else }}{{ printf "%s-tfmodel-operator" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tfmodel.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "tfmodel.fullname" .) }}
{{- end }}

{{- define "tfmodel.selector" -}}
app.kubernetes.io/name: tfmodel-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tfmodel.labels" -}}
{{ include "tfmodel.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tfmodel
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "tfmodel.image" -}}
{{- $image := index . 0 }}{{- $chart := index . 1 -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default $chart.AppVersion }}{{ end }}
{{- end }}

{{- /* What the operator may do with TFModels and their children: no Secrets, no exec, no logs, no roles. */}}
{{- define "tfmodel.rules" -}}
- apiGroups: [tfmodel.dev]
  resources: [tfmodels]
  verbs: [get, list, watch]
- apiGroups: [tfmodel.dev]
  resources: [tfmodels/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [services, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
{{- end }}
