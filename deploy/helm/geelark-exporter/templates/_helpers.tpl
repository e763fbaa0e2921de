{{- define "geelark-exporter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 52: a StatefulSet's pods carry a hash and an index after the name. */}}
{{- define "geelark-exporter.fullname" -}}
{{- $name := include "geelark-exporter.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $full | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "geelark-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "geelark-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "geelark-exporter.labels" -}}
{{- $labels := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service }}
{{- toYaml (merge (include "geelark-exporter.selectorLabels" . | fromYaml) $labels .Values.commonLabels) }}
{{- end }}

{{- define "geelark-exporter.metadata" -}}
name: {{ include "geelark-exporter.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "geelark-exporter.labels" . | nindent 2 }}
{{- end }}

{{- define "geelark-exporter.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "geelark-exporter.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* demo, config or account, after a look at what contradicts it. */}}
{{- define "geelark-exporter.mode" -}}
{{- $v := .Values }}
{{- $account := or $v.account.token $v.account.appId $v.account.apiKey }}
{{- $modes := compact (list
  (ternary "demo" "" $v.demo.enabled)
  (ternary "config" "" (not (empty $v.config)))
  (ternary "account" "" (not (empty $account)))) }}
{{- if gt (len $modes) 1 }}
{{- fail (printf "%s exclude each other: give one of them" (join " and " $modes)) }}
{{- end }}
{{- $mode := first $modes | default (ternary "account" "" (not (empty $v.existingSecret))) }}
{{- if not $mode }}
{{- fail "nothing to watch: give account.token, account.appId with account.apiKey, existingSecret, config, or demo.enabled=true" }}
{{- end }}
{{- if and (ne $mode "config") (gt (int $v.shards) 1) }}
{{- fail "shards share the accounts of config: give config, or leave shards at 1" }}
{{- end }}
{{- if and (eq $mode "demo") $v.existingSecret }}
{{- fail "demo needs no credentials: drop existingSecret" }}
{{- end }}
{{- if and (ne $mode "config") $v.secrets }}
{{- fail "secrets are the files that config names: give config, or drop secrets" }}
{{- end }}
{{- if and $v.existingSecret (or $v.account.token $v.account.apiKey $v.secrets) }}
{{- fail "existingSecret holds the secrets: drop account.token, account.apiKey and secrets, or drop it" }}
{{- end }}
{{- if eq $mode "account" }}
{{- if and $v.account.token (or $v.account.appId $v.account.apiKey) }}
{{- fail "account.token stands alone: drop account.appId and account.apiKey, or drop it" }}
{{- end }}
{{- if and $v.account.apiKey (not $v.account.appId) }}
{{- fail "account.apiKey needs account.appId" }}
{{- end }}
{{- if and $v.account.appId (not (or $v.account.apiKey $v.existingSecret)) }}
{{- fail "account.appId needs account.apiKey, or existingSecret with the key api-key" }}
{{- end }}
{{- end }}
{{- if and $v.serviceMonitor.enabled $v.podMonitor.enabled }}
{{- fail "serviceMonitor and podMonitor scrape the same pods: enable one of them" }}
{{- end }}
{{- $mode }}
{{- end }}

{{/* Files of the chart's own Secret. */}}
{{- define "geelark-exporter.secrets" -}}
{{- $files := .Values.secrets }}
{{- with .Values.account.token }}{{ $files = dict "token" . }}{{ end }}
{{- with .Values.account.apiKey }}{{ $files = dict "api-key" . }}{{ end }}
{{- if $files }}{{ toYaml $files }}{{ end }}
{{- end }}

{{- define "geelark-exporter.secretName" -}}
{{- if .Values.existingSecret }}
{{- .Values.existingSecret }}
{{- else if include "geelark-exporter.secrets" . }}
{{- include "geelark-exporter.fullname" . }}
{{- end }}
{{- end }}

{{- define "geelark-exporter.pod" -}}
{{- $mode := include "geelark-exporter.mode" . }}
{{- $secret := include "geelark-exporter.secretName" . -}}
metadata:
  labels:
    {{- toYaml (merge (include "geelark-exporter.labels" . | fromYaml) .Values.podLabels) | nindent 4 }}
  {{- $annotations := deepCopy .Values.podAnnotations }}
  {{- if eq $mode "config" }}
  {{- $_ := set $annotations "checksum/config" (toYaml .Values.config | sha256sum) }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "geelark-exporter.serviceAccountName" . }}
  automountServiceAccountToken: false
  # The variables that announce Services would begin as those of the flags do.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: exporter
      {{- with .Values.image }}
      image: {{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
      imagePullPolicy: {{ .pullPolicy }}
      {{- end }}
      args:
        {{- if eq $mode "demo" }}
        - --demo
        - --demo.phones={{ int .Values.demo.phones }}
        {{- else if eq $mode "config" }}
        - --config.file=/etc/geelark_exporter/config/config.yml
        - --total-shards={{ int .Values.shards }}
        {{- else if .Values.account.appId }}
        - {{ printf "--geelark.app-id=%s" .Values.account.appId | quote }}
        - --geelark.api-key-file=/etc/geelark_exporter/secrets/api-key
        {{- else }}
        - --geelark.token-file=/etc/geelark_exporter/secrets/token
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- $sharded := gt (int .Values.shards) 1 }}
      {{- if or $sharded .Values.extraEnv }}
      env:
        {{- if $sharded }}
        - name: GEELARK_EXPORTER_SHARD
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 9824
          protocol: TCP
      livenessProbe:
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      readinessProbe:
        {{- toYaml .Values.readinessProbe | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      {{- if or (eq $mode "config") $secret .Values.extraVolumeMounts }}
      volumeMounts:
        {{- if eq $mode "config" }}
        - name: config
          mountPath: /etc/geelark_exporter/config
          readOnly: true
        {{- end }}
        {{- if $secret }}
        - name: secrets
          mountPath: /etc/geelark_exporter/secrets
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- if or (eq $mode "config") $secret .Values.extraVolumes }}
  volumes:
    {{- if eq $mode "config" }}
    - name: config
      configMap:
        name: {{ include "geelark-exporter.fullname" . }}
    {{- end }}
    {{- if $secret }}
    - name: secrets
      secret:
        secretName: {{ $secret }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* What the endpoints of both monitors have in common. */}}
{{- define "geelark-exporter.endpoint" -}}
{{- $m := .monitor }}
{{- $own := list
  (dict "action" "replace" "targetLabel" "job" "replacement" $m.job)
  (dict "action" "labeldrop" "regex" "endpoint") }}
{{- $endpoint := dict
  "port" "metrics"
  "interval" $m.interval
  "scrapeTimeout" $m.scrapeTimeout
  "relabelings" (concat $own $m.relabelings) }}
{{- with $m.metricRelabelings }}
{{- $_ := set $endpoint "metricRelabelings" . }}
{{- end }}
{{- toYaml (merge (deepCopy $m.endpoint) $endpoint) }}
{{- end }}
