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

{{/* Whether replicas share what they remember. */}}
{{- define "envoy-fapi.shared" -}}
{{- if ne (dig "stores" "replay" "memory" .Values.config | toString) "memory" }}true{{ end }}
{{- end }}

{{/* As many replicas as there may be. */}}
{{- define "envoy-fapi.most" -}}
{{- $most := .Values.replicas | int }}
{{- if .Values.autoscaling.enabled }}{{ $most = .Values.autoscaling.maxReplicas | int }}{{ end }}
{{- if and (gt $most 1) (not (include "envoy-fapi.shared" .)) }}
{{- fail (printf "%d replicas need a replay store that they share: a proof used at one would pass at another. Set config.stores.replay to rediss://… (docs/replicas.md), or leave replicas at 1 and autoscaling off." $most) }}
{{- end }}
{{- $most }}
{{- end }}
