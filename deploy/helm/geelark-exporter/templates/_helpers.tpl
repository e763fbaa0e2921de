{{/* At most 52: a StatefulSet's pods carry a hash of ten after the name. */}}
{{- define "geelark-exporter.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- $full = .Values.fullnameOverride | default ($full | trunc 52 | trimSuffix "-") }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) }}
{{- fail (printf "no Service can be named %q, which begins with no letter or holds more than small letters, digits and dashes: set fullnameOverride" $full) }}
{{- end }}
{{- $full }}
{{- end }}

{{/* The claims of a StatefulSet cannot be changed, so that others make another. */}}
{{- define "geelark-exporter.workloadName" -}}
{{- $full := include "geelark-exporter.fullname" . }}
{{- with include "geelark-exporter.claim" . -}}
{{- $full = printf "%s-%s" ($full | trunc 43 | trimSuffix "-") (. | sha256sum | trunc 8) }}
{{- end }}
{{- $full }}
{{- end }}

{{- define "geelark-exporter.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{/* Of no value: a StatefulSet's selector cannot be changed. */}}
{{- define "geelark-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "geelark-exporter.labels" -}}
{{- $labels := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service }}
{{- toYaml (merge (include "geelark-exporter.selectorLabels" . | fromYaml) $labels (.Values.commonLabels | default dict)) }}
{{- end }}

{{/* Labels of an object that has some of its own, for a dict of them and the root. */}}
{{- define "geelark-exporter.labelsOf" -}}
{{- toYaml (merge (include "geelark-exporter.labels" .root | fromYaml) (.labels | default dict)) }}
{{- end }}

{{- define "geelark-exporter.metadata" -}}
name: {{ include "geelark-exporter.fullname" . }}
namespace: {{ include "geelark-exporter.namespace" . }}
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
  (ternary "demo" "" (not (empty $v.demo.enabled)))
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
{{- if and (gt (int $v.shards) 1) (gt (int $v.replicas) 1) }}
{{- fail "shards and replicas exclude each other: leave replicas at 1, and for a pair install a second release, both with limitShare 2" }}
{{- end }}
{{- if and $v.limitShare (lt (int $v.limitShare) (int $v.replicas)) }}
{{- fail (printf "limitShare is %d, but the limits have to do for %d replicas: raise it, or leave it at 0" (int $v.limitShare) (int $v.replicas)) }}
{{- end }}
{{- if and $v.state.claim.enabled (or $v.state.volume (not $v.state.enabled)) }}
{{- fail "state.claim needs state.enabled and takes the place of state.volume: drop one of them" }}
{{- end }}
{{- if and ($v.state.volume).persistentVolumeClaim (gt (mul (int $v.shards) (int $v.replicas)) 1) }}
{{- fail "state.volume is one directory, which one exporter alone may use: enable state.claim, which makes one for each" }}
{{- end }}
{{- if and (or $v.web.tls $v.web.authentication) (not $v.web.existingSecret) }}
{{- fail "web.tls and web.authentication say what web.yml holds: give web.existingSecret" }}
{{- end }}
{{- if and (ne $v.service.type "NodePort") (ne $v.service.type "LoadBalancer") $v.service.nodePort }}
{{- fail "service.nodePort needs the service.type NodePort or LoadBalancer: set it, or drop the port" }}
{{- end }}
{{- if and (ne $v.service.type "LoadBalancer") (or $v.service.loadBalancerIP $v.service.loadBalancerSourceRanges) }}
{{- fail "service.loadBalancerIP and service.loadBalancerSourceRanges need the service.type LoadBalancer: set it, or drop them" }}
{{- end }}
{{- if and $v.prometheusRule.enabled (not $v.prometheusRule.jobSelector) }}
{{- range list $v.serviceMonitor $v.podMonitor }}
{{- if and .enabled (not (regexMatch "^(.+[-_/])?geelark" .job)) }}
{{- fail (printf "the alerts look for jobs with a word that begins with geelark, which %q has not: give another job, or prometheusRule.jobSelector" .job) }}
{{- end }}
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

{{- define "geelark-exporter.image" -}}
{{- $v := .Values.image }}
{{- $registry := .Values.global.imageRegistry | default $v.registry }}
{{- with $registry }}{{ . }}/{{ end }}
{{- $v.repository }}
{{- if $v.digest }}@{{ $v.digest }}{{ else }}:{{ $v.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Flags that values stand for. */}}
{{- define "geelark-exporter.flags" -}}
--config.file: config
--config.reload-interval: configReloadInterval
--demo: demo.enabled
--demo.phones: demo.phones
--geelark.api-key-file: account.apiKey or existingSecret
--geelark.app-id: account.appId
--geelark.limit-share: limitShare
--geelark.token-file: account.token or existingSecret
--shard: shards
--state.directory: state
--total-shards: shards
--web.config.file: web.existingSecret
--web.external-url: web.externalUrl
--web.route-prefix: web.routePrefix
{{- end }}

{{- define "geelark-exporter.args" -}}
{{- $v := .Values }}
{{- $mode := include "geelark-exporter.mode" . }}
{{- $args := list }}
{{- if eq $mode "demo" }}
{{- $args = list "--demo" (printf "--demo.phones=%d" (int $v.demo.phones)) }}
{{- else if eq $mode "config" }}
{{- $args = list "--config.file=/etc/geelark_exporter/config/config.yml" (printf "--total-shards=%d" (int $v.shards)) }}
{{- with $v.configReloadInterval }}
{{- $args = append $args (printf "--config.reload-interval=%s" .) }}
{{- end }}
{{- else if $v.account.appId }}
{{- $args = list (printf "--geelark.app-id=%s" $v.account.appId) "--geelark.api-key-file=/etc/geelark_exporter/secrets/api-key" }}
{{- else }}
{{- $args = list "--geelark.token-file=/etc/geelark_exporter/secrets/token" }}
{{- end }}
{{- $share := $v.limitShare | default $v.replicas | int }}
{{- if gt $share 1 }}
{{- $args = append $args (printf "--geelark.limit-share=%d" $share) }}
{{- end }}
{{- if include "geelark-exporter.keepsState" . }}
{{- $args = append $args "--state.directory=/var/lib/geelark_exporter" }}
{{- end }}
{{- if $v.web.existingSecret }}
{{- $args = append $args "--web.config.file=/etc/geelark_exporter/web/web.yml" }}
{{- end }}
{{- with $v.web.externalUrl }}
{{- $args = append $args (printf "--web.external-url=%s" .) }}
{{- end }}
{{- with $v.web.routePrefix }}
{{- $args = append $args (printf "--web.route-prefix=%s" .) }}
{{- end }}
{{- $owned := include "geelark-exporter.flags" . | fromYaml }}
{{- range $v.extraArgs }}
{{- $flag := regexFind "^[^=]+" . | replace "--no-" "--" }}
{{- with get $owned $flag }}
{{- fail (printf "extraArgs: the chart sets %s itself, by %s: drop it" $flag .) }}
{{- end }}
{{- if eq $flag "--web.listen-address" }}
{{- fail "extraArgs: with --web.listen-address neither probes nor monitors would find the exporter, which they look for on port 9824: drop it" }}
{{- end }}
{{- end }}
{{- toYaml (concat $args ($v.extraArgs | default list)) }}
{{- end }}

{{- define "geelark-exporter.keepsState" -}}
{{- if and .Values.state.enabled (ne (include "geelark-exporter.mode" .) "demo") }}true{{ end }}
{{- end }}

{{/* Spec of the claim for the state, if there is one. */}}
{{- define "geelark-exporter.claim" -}}
{{- if include "geelark-exporter.keepsState" . }}
{{- with .Values.state.claim }}
{{- if .enabled -}}
accessModes:
  {{- toYaml .accessModes | nindent 2 }}
{{- with .storageClassName }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What begins all paths, as the exporter decides it. */}}
{{- define "geelark-exporter.routePrefix" -}}
{{- $web := .Values.web }}
{{- $web.routePrefix | default (get (urlParse ($web.externalUrl | default "")) "path") | trimSuffix "/" }}
{{- end }}

{{/* A probe with the chart's handler, unless it has one of its own. */}}
{{- define "geelark-exporter.probe" -}}
{{- $web := .root.Values.web }}
{{- $handler := dict "httpGet" (dict "path" (print (include "geelark-exporter.routePrefix" .root) .path) "port" "metrics" "scheme" (empty $web.tls | ternary "HTTP" "HTTPS")) }}
{{- if or .probe.exec .probe.tcpSocket .probe.grpc }}
{{- $handler = dict }}
{{- else if and $web.authentication (not .probe.httpGet) }}
{{- $handler = dict "tcpSocket" (dict "port" "metrics") }}
{{- end }}
{{- toYaml (mustMerge (deepCopy .probe) $handler) }}
{{- end }}

{{- define "geelark-exporter.pod" -}}
{{- $v := .Values }}
{{- $mode := include "geelark-exporter.mode" . }}
{{- $secret := include "geelark-exporter.secretName" . }}
{{- $mounts := list }}
{{- $volumes := list }}
{{- if eq $mode "config" }}
{{- $mounts = append $mounts (dict "name" "config" "mountPath" "/etc/geelark_exporter/config" "readOnly" true) }}
{{- $volumes = append $volumes (dict "name" "config" "configMap" (dict "name" (include "geelark-exporter.fullname" .))) }}
{{- end }}
{{- with $secret }}
{{- $mounts = append $mounts (dict "name" "secrets" "mountPath" "/etc/geelark_exporter/secrets" "readOnly" true) }}
{{- $volumes = append $volumes (dict "name" "secrets" "secret" (dict "secretName" . "defaultMode" 0440)) }}
{{- end }}
{{- with $v.web.existingSecret }}
{{- $mounts = append $mounts (dict "name" "web" "mountPath" "/etc/geelark_exporter/web" "readOnly" true) }}
{{- $volumes = append $volumes (dict "name" "web" "secret" (dict "secretName" . "defaultMode" 0440)) }}
{{- end }}
{{- if include "geelark-exporter.keepsState" . }}
{{- $mounts = append $mounts (dict "name" "state" "mountPath" "/var/lib/geelark_exporter") }}
{{- if not $v.state.claim.enabled }}
{{- $volumes = append $volumes (merge (dict "name" "state") ($v.state.volume | default (dict "emptyDir" dict))) }}
{{- end }}
{{- end }}
{{- $mounts = concat $mounts ($v.extraVolumeMounts | default list) }}
{{- range $v.extraVolumes }}
{{- if has .name (list "config" "secrets" "state" "web") }}
{{- fail (printf "extraVolumes: %q is a volume of the chart's own: take another name" .name) }}
{{- end }}
{{- end }}
{{- $volumes = concat $volumes ($v.extraVolumes | default list) }}
{{- $pullSecrets := list }}
{{- range concat ($v.image.pullSecrets | default list) ($v.global.imagePullSecrets | default list) }}
{{- $pullSecrets = append $pullSecrets (kindIs "string" . | ternary (dict "name" .) .) }}
{{- end }}
{{- $annotations := deepCopy ($v.podAnnotations | default dict) }}
{{- if and (eq $mode "config") (not $v.configReloadInterval) }}
{{- $_ := set $annotations "checksum/config" (toYaml $v.config | sha256sum) }}
{{- end -}}
metadata:
  labels:
    {{- $labels := dict "app.kubernetes.io/version" .Chart.AppVersion }}
    {{- toYaml (merge (include "geelark-exporter.selectorLabels" . | fromYaml) $labels ($v.podLabels | default dict) ($v.commonLabels | default dict)) | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "geelark-exporter.serviceAccountName" . }}
  automountServiceAccountToken: {{ not (empty $v.automountServiceAccountToken) }}
  {{- if $v.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- if kindIs "bool" $v.hostUsers }}
  hostUsers: {{ $v.hostUsers }}
  {{- end }}
  # The variables that announce Services would begin as those of the flags do.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int $v.terminationGracePeriodSeconds }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.dnsPolicy | default (empty $v.hostNetwork | ternary "" "ClusterFirstWithHostNet") }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with $v.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.initContainers }}
  initContainers:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "geelark-exporter.image" . }}
      {{- with $v.image.pullPolicy }}
      imagePullPolicy: {{ . }}
      {{- end }}
      args:
        {{- include "geelark-exporter.args" . | nindent 8 }}
      {{- $sharded := gt (int $v.shards) 1 }}
      {{- if or $sharded $v.extraEnv }}
      env:
        {{- if $sharded }}
        - name: GEELARK_EXPORTER_SHARD
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
        {{- end }}
        {{- with $v.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with $v.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 9824
          protocol: TCP
      {{- with $v.startupProbe }}
      startupProbe:
        {{- include "geelark-exporter.probe" (dict "probe" . "path" "/-/ready" "root" $) | nindent 8 }}
      {{- end }}
      {{- with $v.livenessProbe }}
      livenessProbe:
        {{- include "geelark-exporter.probe" (dict "probe" . "path" "/-/healthy" "root" $) | nindent 8 }}
      {{- end }}
      {{- with $v.readinessProbe }}
      readinessProbe:
        {{- include "geelark-exporter.probe" (dict "probe" . "path" "/-/ready" "root" $) | nindent 8 }}
      {{- end }}
      {{- with $v.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $mounts }}
      volumeMounts:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- with $v.extraContainers }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  {{- with $volumes }}
  volumes:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* What the endpoints of both monitors have in common. */}}
{{- define "geelark-exporter.endpoint" -}}
{{- $m := .monitor }}
{{- range list "relabelings" "metricRelabelings" }}
{{- if hasKey ($m.endpoint | default dict) . }}
{{- fail (printf "the monitor's endpoint.%s would take the place of its %[1]s and of the chart's own: give them there" .) }}
{{- end }}
{{- end }}
{{- $own := list
  (dict "action" "replace" "targetLabel" "job" "replacement" $m.job)
  (dict "action" "labeldrop" "regex" "endpoint") }}
{{- $endpoint := dict
  "port" "metrics"
  "scheme" (empty .root.Values.web.tls | ternary "http" "https")
  "interval" $m.interval
  "scrapeTimeout" $m.scrapeTimeout
  "relabelings" (concat $own ($m.relabelings | default list)) }}
{{- with include "geelark-exporter.routePrefix" .root }}
{{- $_ := set $endpoint "path" (print . "/metrics") }}
{{- end }}
{{- with $m.metricRelabelings }}
{{- $_ := set $endpoint "metricRelabelings" . }}
{{- end }}
{{- toYaml (merge (deepCopy ($m.endpoint | default dict)) $endpoint) }}
{{- end }}

{{- define "geelark-exporter.ipFamilies" -}}
{{- with .Values.service }}
{{- with .ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
