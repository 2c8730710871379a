{{- define "envoy-fapi.name" -}}
{{- if contains "envoy-fapi" .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-envoy-fapi" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "envoy-fapi.selector" -}}
app.kubernetes.io/name: envoy-fapi
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "envoy-fapi.labels" -}}
{{ include "envoy-fapi.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "envoy-fapi.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}
