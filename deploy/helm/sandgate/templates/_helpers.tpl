{{- define "sandgate.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{/* Labels by which pods of a part are chosen. Called with (list $ part). */}}
{{- define "sandgate.selector" -}}
app.kubernetes.io/name: sandgate
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "sandgate.labels" -}}
{{ include "sandgate.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{/* An environment variable out of the secret. Called with (list $ name key). */}}
{{- define "sandgate.secret" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef: { name: {{ (index . 0).Values.secret }}, key: {{ index . 2 }} }
{{- end }}

{{/* The same of a key that need not be there. */}}
{{- define "sandgate.optional" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef: { name: {{ (index . 0).Values.secret }}, key: {{ index . 2 }}, optional: true }
{{- end }}

{{- define "sandgate.image" -}}
{{ (index . 0).Values.image.registry }}{{ index . 1 }}:{{ index . 2 | default (index . 0).Values.image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}

{{/* What all pods have. Called with (list $ part). */}}
{{- define "sandgate.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with (index . 0).Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "sandgate.selector" . | nindent 8 }}
{{- end }}

{{/* The rights of all containers but a worker with control groups: none. */}}
{{- define "sandgate.nothing" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "sandgate.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{/* Environment of the engine's servers and workers. A worker is nearest to hostile programs, and gets no token. */}}
{{- define "sandgate.engine" -}}
{{ include "sandgate.secret" (list . "DATABASE_URL" "postgres-url") }}
{{ include "sandgate.secret" (list . "REDIS_URL" "redis-url") }}
- { name: LISTEN, value: "0.0.0.0" }
{{- end }}

{{- define "sandgate.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "sandgate.name" (index . 0) }}-{{ index . 1 }}
  labels: {{ include "sandgate.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{ include "sandgate.selector" . | nindent 6 }}
{{- end }}
