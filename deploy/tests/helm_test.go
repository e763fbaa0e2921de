package deploy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	podsecurity "k8s.io/pod-security-admission/api"
	podpolicy "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"geelark_exporter/deploy/processtest"
)

const (
	chart   = root + "/deploy/helm/geelark-exporter"
	release = "farm"
)

// A release's objects by kind, as Kubernetes decodes them.
type objects struct {
	text map[string]string // by kind and name

	deployments     []*apps.Deployment
	statefulSets    []*apps.StatefulSet
	services        []*core.Service
	accounts        []*core.ServiceAccount
	configMaps      []*core.ConfigMap
	secrets         []*core.Secret
	networkPolicies []*networking.NetworkPolicy
	budgets         []*policy.PodDisruptionBudget
	serviceMonitors []*monitoring.ServiceMonitor
	podMonitors     []*monitoring.PodMonitor
	rules           []*monitoring.PrometheusRule
}

func add[T any](t *testing.T, to *[]*T, document []byte) {
	t.Helper()
	object := new(T)
	decode(t, document, object)
	*to = append(*to, object)
}

// template runs helm template on the chart.
func template(t *testing.T, args ...string) result {
	t.Helper()
	args = append([]string{"template", release, chart, "--namespace=monitoring"}, args...)
	return run(t, nil, processtest.Tool(t, "HELM"), args...)
}

// render returns the release's objects.
func render(t *testing.T, args ...string) *objects {
	t.Helper()
	r := template(t, args...)
	if r.code != 0 {
		t.Fatalf("helm template %s: %s", strings.Join(args, " "), r)
	}
	o := &objects{text: map[string]string{}}
	for text := range strings.SplitSeq("\n"+r.stdout, "\n---\n") {
		document := []byte(text)
		var head struct {
			meta.TypeMeta `json:",inline"`
			Metadata      meta.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if head.Kind == "" {
			continue
		}
		if head.Metadata.Namespace != "monitoring" {
			t.Errorf("%s is in namespace %q", head.Kind, head.Metadata.Namespace)
		}
		o.text[head.Kind+" "+head.Metadata.Name] = text
		switch kind := head.APIVersion + " " + head.Kind; kind {
		case "apps/v1 Deployment":
			add(t, &o.deployments, document)
		case "apps/v1 StatefulSet":
			add(t, &o.statefulSets, document)
		case "v1 Service":
			add(t, &o.services, document)
		case "v1 ServiceAccount":
			add(t, &o.accounts, document)
		case "v1 ConfigMap":
			add(t, &o.configMaps, document)
		case "v1 Secret":
			add(t, &o.secrets, document)
		case "networking.k8s.io/v1 NetworkPolicy":
			add(t, &o.networkPolicies, document)
		case "policy/v1 PodDisruptionBudget":
			add(t, &o.budgets, document)
		case "monitoring.coreos.com/v1 ServiceMonitor":
			add(t, &o.serviceMonitors, document)
		case "monitoring.coreos.com/v1 PodMonitor":
			add(t, &o.podMonitors, document)
		case "monitoring.coreos.com/v1 PrometheusRule":
			add(t, &o.rules, document)
		default:
			t.Errorf("no type is known for %s", kind)
		}
	}
	return o
}

// pod returns the only pod template and how many are made of it.
func (o *objects) pod(t *testing.T) (*core.PodTemplateSpec, int) {
	t.Helper()
	switch {
	case len(o.deployments) == 1 && len(o.statefulSets) == 0:
		d := o.deployments[0].Spec
		return &d.Template, int(*d.Replicas)
	case len(o.deployments) == 0 && len(o.statefulSets) == 1:
		s := o.statefulSets[0].Spec
		return &s.Template, int(*s.Replicas)
	}
	t.Fatalf("%d deployments and %d stateful sets, want one of both", len(o.deployments), len(o.statefulSets))
	return nil, 0
}

// forEachValuesFile runs a test with what each values file of the chart makes.
func forEachValuesFile(t *testing.T, test func(*testing.T, string, *objects)) {
	t.Helper()
	for _, file := range glob(t, chart+"/ci/*-values.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), "-values.yaml"), func(t *testing.T) {
			t.Parallel()
			test(t, file, render(t, "--values="+file))
		})
	}
}

func TestTheChartHasNothingToLint(t *testing.T) {
	t.Parallel()
	must(t, processtest.Tool(t, "HELM"), "lint", "--strict", chart)
	for _, file := range glob(t, chart+"/ci/*-values.yaml") {
		must(t, processtest.Tool(t, "HELM"), "lint", "--strict", "--values="+file, chart)
	}
}

func TestTheChartIsOfTheVersionInTheChangelog(t *testing.T) {
	t.Parallel()
	var c struct {
		AppVersion string `json:"appVersion"`
	}
	if err := yaml.Unmarshal(read(t, chart+"/Chart.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (\S+)`).FindSubmatch(read(t, root+"/CHANGELOG.md"))
	if newest == nil || c.AppVersion != string(newest[1]) {
		t.Errorf("the chart's appVersion is %q, the changelog begins with %q", c.AppVersion, newest)
	}
}

func TestEveryValueIsDocumentedAndInTheSchema(t *testing.T) {
	t.Parallel()
	var values map[string]any
	if err := yaml.Unmarshal(read(t, chart+"/values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(read(t, chart+"/values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema.Properties, "global") // Helm's own
	if got, want := slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, want) {
		t.Errorf("values.yaml has\n%q\nand its schema\n%q", got, want)
	}
}

func TestPodsFulfilTheRestrictedPodSecurityStandard(t *testing.T) {
	t.Parallel()
	evaluator, err := podpolicy.NewEvaluator(podpolicy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	violations := func(pod *core.PodTemplateSpec) []string {
		var all []string
		for _, r := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
			if !r.Allowed {
				all = append(all, r.ForbiddenReason+": "+r.ForbiddenDetail)
			}
		}
		return all
	}
	forEachValuesFile(t, func(t *testing.T, _ string, o *objects) {
		pod, _ := o.pod(t)
		for _, v := range violations(pod) {
			t.Error(v)
		}
		// What the standard does not ask for.
		if a := pod.Spec.AutomountServiceAccountToken; a == nil || *a {
			t.Error("the pod gets a token of the Kubernetes API")
		}
		if l := pod.Spec.EnableServiceLinks; l == nil || *l {
			t.Error("variables of Services, which begin as the flags' do, reach the exporter")
		}
		for _, c := range pod.Spec.Containers {
			if r := c.SecurityContext.ReadOnlyRootFilesystem; r == nil || !*r {
				t.Errorf("container %s can write to its root file system", c.Name)
			}
			if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("container %s has no bounds of memory", c.Name)
			}
		}
		for _, a := range o.accounts {
			if a.AutomountServiceAccountToken == nil || *a.AutomountServiceAccountToken {
				t.Errorf("service account %s mounts its token", a.Name)
			}
		}
	})
	t.Run("which the check would notice", func(t *testing.T) {
		pod, _ := render(t, "--set=demo.enabled=true", "--set=securityContext.allowPrivilegeEscalation=true").pod(t)
		if len(violations(pod)) == 0 {
			t.Error("a pod that may escalate its privileges passes")
		}
	})
}

func TestSelectorsFindThePodsAndPortsTheirNames(t *testing.T) {
	t.Parallel()
	forEachValuesFile(t, func(t *testing.T, _ string, o *objects) {
		pod, replicas := o.pod(t)
		selects := func(what string, selector *meta.LabelSelector, l map[string]string) {
			t.Helper()
			s, err := meta.LabelSelectorAsSelector(selector)
			if err != nil || s.Empty() || !s.Matches(labels.Set(l)) {
				t.Errorf("%s selects %v (%v), which must match %v", what, selector, err, l)
			}
		}
		containerPorts, servicePorts := map[string]int32{}, map[string]int32{}
		for _, p := range pod.Spec.Containers[0].Ports {
			containerPorts[p.Name] = p.ContainerPort
		}
		named := func(what string, ports map[string]int32, name string) {
			t.Helper()
			if ports[name] != 9824 {
				t.Errorf("%s goes to port %q of %v", what, name, ports)
			}
		}

		for _, d := range o.deployments {
			selects("the deployment", d.Spec.Selector, pod.Labels)
			if d.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType {
				t.Error("an update of the deployment runs two exporters of one account at a time")
			}
		}
		for _, s := range o.statefulSets {
			selects("the stateful set", s.Spec.Selector, pod.Labels)
			if len(o.services) != 1 || s.Spec.ServiceName != o.services[0].Name || o.services[0].Spec.ClusterIP != core.ClusterIPNone {
				t.Error("the stateful set has no headless service of the name that it gives")
			}
		}
		if len(o.deployments) != 0 && replicas != 1 {
			t.Errorf("a deployment of %d", replicas)
		}
		for _, s := range o.services {
			selects("the service", &meta.LabelSelector{MatchLabels: s.Spec.Selector}, pod.Labels)
			for _, p := range s.Spec.Ports {
				servicePorts[p.Name] = p.Port
				named("the service", containerPorts, p.TargetPort.StrVal)
			}
		}
		for _, b := range o.budgets {
			selects("the disruption budget", b.Spec.Selector, pod.Labels)
		}
		for _, n := range o.networkPolicies {
			selects("the network policy", &n.Spec.PodSelector, pod.Labels)
			if got := n.Spec.PolicyTypes; !slices.Contains(got, networking.PolicyTypeIngress) || !slices.Contains(got, networking.PolicyTypeEgress) {
				t.Errorf("the network policy is about %v only", got)
			}
			for _, in := range n.Spec.Ingress {
				for _, p := range in.Ports {
					named("the network policy", containerPorts, p.Port.StrVal)
				}
			}
		}
		for _, m := range o.serviceMonitors {
			selects("the service monitor", &m.Spec.Selector, o.services[0].Labels)
			for _, e := range m.Spec.Endpoints {
				named("the service monitor", servicePorts, e.Port)
			}
		}
		for _, m := range o.podMonitors {
			selects("the pod monitor", &m.Spec.Selector, pod.Labels)
			for _, e := range m.Spec.PodMetricsEndpoints {
				named("the pod monitor", containerPorts, *e.Port)
			}
		}
		for _, p := range []*core.Probe{pod.Spec.Containers[0].LivenessProbe, pod.Spec.Containers[0].ReadinessProbe} {
			if p.HTTPGet.Port.Type != intstr.String {
				t.Errorf("a probe goes to port %v", p.HTTPGet.Port)
			}
			named("a probe", containerPorts, p.HTTPGet.Port.StrVal)
		}
		for name, l := range map[string]map[string]string{"pod": pod.Labels, "service": o.services[0].Labels} {
			for k, v := range l {
				if problems := append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...); len(problems) > 0 {
					t.Errorf("label %s=%s of the %s: %q", k, v, name, problems)
				}
			}
		}
		wantAccount := "default"
		if len(o.accounts) == 1 {
			wantAccount = o.accounts[0].Name
		}
		if got := pod.Spec.ServiceAccountName; got != wantAccount {
			t.Errorf("the pod has service account %q, want %q", got, wantAccount)
		}
	})
}

func TestMonitorsScrapeWithinTheExportersMeans(t *testing.T) {
	t.Parallel()
	help := must(t, exporter, "--help").stdout
	m := regexp.MustCompile(`--cache\.ttl=(\S+)`).FindStringSubmatch(help)
	if m == nil {
		t.Fatalf("no default of --cache.ttl in\n%s", help)
	}
	ttl, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}

	check := func(t *testing.T, interval, timeout monitoring.Duration, relabelings []monitoring.RelabelConfig) {
		t.Helper()
		every, err1 := time.ParseDuration(string(interval))
		within, err2 := time.ParseDuration(string(timeout))
		if err1 != nil || err2 != nil || within > every {
			t.Errorf("a scrape every %s may take %s", interval, timeout)
		}
		if every < ttl {
			t.Errorf("scrapes every %s are more often than phones are due, %s", every, ttl)
		}
		// The operator's label endpoint would rename that of the exporter's
		// metrics to exported_endpoint.
		if !slices.ContainsFunc(relabelings, func(r monitoring.RelabelConfig) bool {
			return r.Action == "labeldrop" && r.Regex == "endpoint"
		}) {
			t.Error("the monitor keeps the target's label endpoint")
		}
		if !slices.ContainsFunc(relabelings, func(r monitoring.RelabelConfig) bool {
			return r.TargetLabel == "job" && r.Replacement != nil && *r.Replacement == "geelark"
		}) {
			t.Error("the monitor does not set the job that rules and dashboards select by")
		}
	}
	for kind, args := range map[string][]string{
		"service monitor": {"--set=serviceMonitor.enabled=true"},
		"pod monitor":     {"--set=podMonitor.enabled=true"},
	} {
		t.Run(kind, func(t *testing.T) {
			o := render(t, append(args, "--set=demo.enabled=true")...)
			if len(o.serviceMonitors)+len(o.podMonitors) != 1 {
				t.Fatalf("%d service monitors and %d pod monitors", len(o.serviceMonitors), len(o.podMonitors))
			}
			for _, m := range o.serviceMonitors {
				check(t, m.Spec.Endpoints[0].Interval, m.Spec.Endpoints[0].ScrapeTimeout, m.Spec.Endpoints[0].RelabelConfigs)
			}
			for _, m := range o.podMonitors {
				check(t, m.Spec.PodMetricsEndpoints[0].Interval, m.Spec.PodMetricsEndpoints[0].ScrapeTimeout, m.Spec.PodMetricsEndpoints[0].RelabelConfigs)
			}
		})
	}
}

// secretsOfTheTest are what the values files hold that no one may see.
var secretsOfTheTest = regexp.MustCompile(`the-(token|key)-of-the-test|dGhlLXRva2VuLW9mLXRoZS10ZXN0|dGhlLWtleS1vZi10aGUtdGVzd`)

func TestSecretsAreInSecretsOnly(t *testing.T) {
	t.Parallel()
	forEachValuesFile(t, func(t *testing.T, file string, o *objects) {
		given, rendered := secretsOfTheTest.Match(read(t, file)), false
		for name, text := range o.text {
			if secretsOfTheTest.MatchString(text) {
				rendered = true
				if !strings.HasPrefix(name, "Secret ") {
					t.Errorf("%s holds a secret:\n%s", name, text)
				}
			}
		}
		if rendered != given {
			t.Errorf("secrets are in the values: %v, in Secrets: %v", given, rendered)
		}
	})
}

func TestTheNotesNameWhatIsThere(t *testing.T) {
	t.Parallel()
	// helm template does not print notes, and helm install needs a cluster: a
	// copy of the chart has them in a ConfigMap.
	dir := filepath.Join(t.TempDir(), "geelark-exporter")
	for _, name := range []string{"Chart.yaml", "values.yaml", "templates/_helpers.tpl"} {
		write(t, filepath.Join(dir, name), read(t, filepath.Join(chart, name)))
	}
	write(t, filepath.Join(dir, "templates/notes.yaml"), fmt.Appendf(nil,
		"{{- define \"notes\" }}%s{{ end -}}\nkind: ConfigMap\nmetadata: {name: notes}\ndata: {notes: {{ include \"notes\" . | quote }}}\n",
		read(t, chart+"/templates/NOTES.txt")))
	forEachValuesFile(t, func(t *testing.T, file string, o *objects) {
		r := must(t, processtest.Tool(t, "HELM"), "template", release, dir, "--namespace=monitoring", "--values="+file)
		var m core.ConfigMap
		decode(t, []byte(r.stdout), &m)
		notes := m.Data["notes"]
		named := regexp.MustCompile(`runs as (\S+) (\S+) in namespace monitoring, in mode "(demo|account|config)"`).FindStringSubmatch(notes)
		forwarded := regexp.MustCompile(`-n monitoring port-forward (\S+) 9824\n`).FindStringSubmatch(notes)
		if named == nil || forwarded == nil {
			t.Fatalf("the notes are\n%s", notes)
		}
		kind, target := "Deployment", "deployment/"+named[2]
		if len(o.statefulSets) == 1 {
			kind, target = "StatefulSet", "pod/"+named[2]+"-0"
		}
		if o.text[kind+" "+named[2]] == "" || named[1] != strings.ToLower(kind) || forwarded[1] != target {
			t.Errorf("want %s and %s in the notes\n%s", kind, target, notes)
		}
		monitored := len(o.serviceMonitors)+len(o.podMonitors) > 0
		if monitored == strings.Contains(notes, "Nothing scrapes it yet") || secretsOfTheTest.MatchString(notes) {
			t.Errorf("monitored: %v, but the notes are\n%s", monitored, notes)
		}
	})
}

// outside are files and variables that values files take from Secrets of which
// the chart does not know.
var outside = struct {
	secrets map[string]map[string]string // by name and key
	env     map[string]string
}{
	secrets: map[string]map[string]string{
		"geelark":              {"token": "the-token-of-the-test"},
		"geelark-exporter-web": {"web.yml": "http_server_config:\n  http2: true\n"},
	},
	env: map[string]string{"TEAM_C_TOKEN": "another-token"},
}

// invocation returns the arguments and the environment of the exporter in the
// pod with an index. The files that are mounted into the pod are in a directory
// of the test, to which arguments and configuration refer.
func (o *objects) invocation(t *testing.T, index int) (args, env []string) {
	t.Helper()
	pod, _ := o.pod(t)
	c := pod.Spec.Containers[0]
	dir := t.TempDir()
	moved := func(s string) string { return strings.ReplaceAll(s, "/etc/geelark_exporter/", dir+"/") }

	for _, mount := range c.VolumeMounts {
		at := slices.IndexFunc(pod.Spec.Volumes, func(v core.Volume) bool { return v.Name == mount.Name })
		if at < 0 {
			t.Fatalf("no volume is named %s", mount.Name)
		}
		files := map[string]string{}
		switch v := pod.Spec.Volumes[at]; {
		case v.ConfigMap != nil:
			for _, m := range o.configMaps {
				if m.Name == v.ConfigMap.Name {
					files = m.Data
				}
			}
		case v.Secret != nil:
			files = outside.secrets[v.Secret.SecretName]
			for _, s := range o.secrets {
				if s.Name == v.Secret.SecretName {
					files = s.StringData
				}
			}
		}
		if len(files) == 0 {
			t.Errorf("nothing is in volume %s", mount.Name)
		}
		for name, content := range files {
			write(t, filepath.Join(moved(mount.MountPath+"/"), name), []byte(moved(content)))
		}
	}
	for _, v := range c.Env {
		value := v.Value
		switch from := v.ValueFrom; {
		case from == nil:
		case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.labels['apps.kubernetes.io/pod-index']":
			value = fmt.Sprint(index)
		case from.SecretKeyRef != nil:
			value = outside.env[v.Name]
		default:
			t.Errorf("variable %s comes from %v", v.Name, from)
		}
		env = append(env, v.Name+"="+value)
	}
	for _, a := range c.Args {
		args = append(args, moved(a))
	}
	return args, env
}

func TestTheExporterAcceptsWhatThePodsGiveIt(t *testing.T) {
	t.Parallel()
	forEachValuesFile(t, func(t *testing.T, file string, o *objects) {
		_, replicas := o.pod(t)
		for index := range replicas {
			args, env := o.invocation(t, index)
			if r := run(t, env, exporter, append(args, "--config.check")...); r.code != 0 {
				t.Errorf("pod %d: %s: %s", index, strings.Join(args, " "), r)
			}
		}
	})
	t.Run("but no pod with an index beyond the shards", func(t *testing.T) {
		o := render(t, "--values="+chart+"/ci/shards-values.yaml")
		args, env := o.invocation(t, 3)
		if r := run(t, env, exporter, append(args, "--config.check")...); r.code == 0 || !strings.Contains(r.stderr, "--shard must be") {
			t.Errorf("want an error about the shard: %s", r)
		}
	})
}

func TestShardsShareTheAccounts(t *testing.T) {
	t.Parallel()
	o := render(t, "--values="+chart+"/ci/shards-values.yaml")
	_, replicas := o.pod(t)
	owners := map[string]int{}
	for index := range replicas {
		args, env := o.invocation(t, index)
		_, address := serve(t, env, args...)
		var accounts []struct {
			Labels map[string]string `json:"labels"`
		}
		if err := json.Unmarshal(get(t, "http://"+address+"/sd"), &accounts); err != nil {
			t.Fatal(err)
		}
		for _, a := range accounts {
			owners[a.Labels["__meta_geelark_account"]]++
		}
	}
	if want := map[string]int{"team-a": 1, "team-b": 1, "team-c": 1}; !maps.Equal(owners, want) {
		t.Errorf("shards that watch each account: %v, want %v", owners, want)
	}
}

func TestProbesAreAnswered(t *testing.T) {
	t.Parallel()
	o := render(t, "--values="+chart+"/ci/demo-values.yaml")
	pod, _ := o.pod(t)
	args, env := o.invocation(t, 0)
	_, address := serve(t, env, args...)
	c := pod.Spec.Containers[0]
	for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe} {
		answers(t, "http://"+address+probe.HTTPGet.Path)
	}
}

func TestAChangedConfigurationReplacesThePods(t *testing.T) {
	t.Parallel()
	checksum := func(args ...string) string {
		pod, _ := render(t, append(args, "--values="+chart+"/ci/shards-values.yaml")...).pod(t)
		return pod.Annotations["checksum/config"]
	}
	before := checksum()
	if before == "" || before == checksum("--set=config.defaults.cache_ttl=26s") {
		t.Error("the annotation does not tell configurations apart")
	}
	if before != checksum("--set=secrets.team-a-token=another") {
		t.Error("a changed secret, which the exporter reads by itself, replaces the pods")
	}
}

// groupsOf returns the groups of rules in the repository.
func groupsOf(t *testing.T) []monitoring.RuleGroup {
	t.Helper()
	var all []monitoring.RuleGroup
	for _, file := range glob(t, root+"/deploy/prometheus/rules/*.yml") {
		var spec monitoring.PrometheusRuleSpec
		decode(t, read(t, file), &spec)
		all = append(all, spec.Groups...)
	}
	return all
}

// equal fails unless two values look the same as YAML.
func equal(t *testing.T, got, want any) {
	t.Helper()
	g, err1 := yaml.Marshal(got)
	w, err2 := yaml.Marshal(want)
	if err1 != nil || err2 != nil || string(g) != string(w) {
		t.Errorf("got (%v)\n%s\nwant (%v)\n%s", err1, g, err2, w)
	}
}

func TestThePrometheusRuleHoldsTheRules(t *testing.T) {
	t.Parallel()
	want := groupsOf(t)
	enabled := []string{"--set=demo.enabled=true", "--set=prometheusRule.enabled=true"}
	all := render(t, enabled...).rules[0]
	equal(t, all.Spec.Groups, want)

	var alert string
	for _, g := range want {
		for _, r := range g.Rules {
			alert = cmp.Or(alert, r.Alert)
		}
	}
	if alert == "" {
		t.Fatal("there is no alert")
	}
	names := func(rule *monitoring.PrometheusRule) map[string]int {
		n := map[string]int{}
		for _, g := range rule.Spec.Groups {
			for _, r := range g.Rules {
				n[r.Alert+r.Record]++
			}
		}
		return n
	}
	fewer := names(all)
	delete(fewer, alert)
	without := render(t, append(enabled, "--set=prometheusRule.disabledAlerts={"+alert+"}")...).rules[0]
	if got := names(without); !maps.Equal(got, fewer) {
		t.Errorf("without %s the rules are %v, want %v", alert, got, fewer)
	}

	more := render(t, "--values="+chart+"/ci/shards-values.yaml").rules[0]
	if got := names(more); got["NoPhones"] != 1 || len(got) != len(names(all))+1 {
		t.Errorf("with an additional group the rules are %v", got)
	}
	exprs := map[string]string{}
	for _, g := range more.Spec.Groups {
		for _, r := range g.Rules {
			exprs[r.Record] = r.Expr.String()
			if u, ok := r.Annotations["runbook_url"]; ok && !strings.HasPrefix(u, "https://wiki.example.org/geelark#") {
				t.Errorf("the runbook of %s is at %s", r.Alert, u)
			}
		}
	}
	for name, want := range map[string]string{
		"balance":                "12.5 * geelark:account",
		"phone_expiring_seconds": "1.296e+06 * geelark:account",
		"plan_expiring_seconds":  `86400 * geelark:account{account="team-a"} or 604800 * geelark:account`,
	} {
		if got := exprs["geelark:threshold:"+name]; got != want {
			t.Errorf("the threshold %s is %q, want %q", name, got, want)
		}
	}
	for _, rule := range []*monitoring.PrometheusRule{all, without, more} {
		text, err := yaml.Marshal(rule.Spec)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "rules.yml")
		write(t, file, text)
		must(t, processtest.Tool(t, "PROMTOOL"), "check", "rules", file)
	}
}

func TestConfigMapsHoldTheDashboards(t *testing.T) {
	t.Parallel()
	o := render(t, "--set=demo.enabled=true", "--set=dashboards.enabled=true")
	want := map[string]string{}
	for _, file := range glob(t, root+"/dashboards/json/*.json") {
		want[filepath.Base(file)] = strings.TrimSpace(string(read(t, file)))
	}
	got := map[string]string{}
	for _, m := range o.configMaps {
		if m.Labels["grafana_dashboard"] != "1" || m.Annotations["grafana_folder"] != "GeeLark" {
			t.Errorf("the sidecar does not find %s", m.Name)
		}
		if problems := validation.IsDNS1123Subdomain(m.Name); len(problems) > 0 {
			t.Errorf("the name %s: %q", m.Name, problems)
		}
		for name, content := range m.Data {
			got[name] = strings.TrimSpace(content)
			if len(content) > 1<<20 {
				t.Errorf("%s is larger than the 1 MiB of a ConfigMap", name)
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("dashboards %q are not those of the repository, %q, or not in the same words",
			slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func TestThePackagedChartMakesTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, processtest.Tool(t, "HELM"), "package", "--destination="+dir, chart)
	archive := glob(t, dir+"/*.tgz")[0]
	unpack := exec.Command("tar", "-xzf", archive, "-C", dir)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for packed, pattern := range map[string]string{"rules": root + "/deploy/prometheus/rules/*.yml", "dashboards": root + "/dashboards/json/*.json"} {
		var want, got []string
		for _, file := range glob(t, pattern) {
			want = append(want, filepath.Base(file))
		}
		for _, file := range glob(t, filepath.Join(dir, "geelark-exporter/files", packed, "*")) {
			if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
				t.Errorf("%s is no file in the archive: %v", file, err)
			}
			got = append(got, filepath.Base(file))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s in the archive: %q, want %q", packed, got, want)
		}
	}
	values := "--values=" + chart + "/ci/shards-values.yaml"
	fromArchive := must(t, processtest.Tool(t, "HELM"), "template", release, archive, "--namespace=monitoring", values).stdout
	if fromArchive != template(t, values).stdout {
		t.Error("the archive and the directory make different objects")
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	const demo = "--set=demo.enabled=true"
	config := func(accounts string) []string {
		return []string{`--set-json=config={"accounts":` + accounts + `}`}
	}
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		// By the templates.
		"nothing to watch":                   {nil, []string{"nothing to watch"}},
		"demo and account":                   {[]string{demo, "--set=account.token=a"}, []string{"demo and account exclude each other"}},
		"config and account":                 {append(config(`[{"name":"a"}]`), "--set=account.appId=a"), []string{"config and account exclude each other"}},
		"demo with a Secret":                 {[]string{demo, "--set=existingSecret=a"}, []string{"demo needs no credentials"}},
		"token and app id":                   {[]string{"--set=account.token=a,account.appId=a"}, []string{"account.token stands alone"}},
		"API key without app id":             {[]string{"--set=account.apiKey=a"}, []string{"account.apiKey needs account.appId"}},
		"app id without API key":             {[]string{"--set=account.appId=a"}, []string{"account.appId needs account.apiKey"}},
		"token and existing Secret":          {[]string{"--set=account.token=a,existingSecret=b"}, []string{"existingSecret holds the secrets"}},
		"files for one account":              {[]string{"--set=account.token=a,secrets.b=c"}, []string{"secrets are the files that config names"}},
		"shards of one account":              {[]string{"--set=account.token=a,shards=2"}, []string{"shards share the accounts of config"}},
		"both monitors":                      {[]string{demo, "--set=serviceMonitor.enabled=true,podMonitor.enabled=true"}, []string{"enable one of them"}},
		"alert that does not exist":          {[]string{demo, "--set=prometheusRule.enabled=true,prometheusRule.disabledAlerts={Nothing}"}, []string{`there is no alert "Nothing"`}},
		"threshold that does not exist":      {[]string{demo, "--set=prometheusRule.enabled=true,prometheusRule.thresholds.nothing=1"}, []string{`there is no threshold "nothing"`}},
		"Kubernetes without indexes of pods": {[]string{demo, "--kube-version=1.27.0"}, []string{"requires kubeVersion"}},

		// By the schema.
		"unknown value":                 {[]string{demo, "--set=replicas=2"}, []string{"replicas"}},
		"unknown value inside":          {[]string{demo, "--set=service.portt=1"}, []string{"/service", "portt"}},
		"phones that are no number":     {[]string{demo, "--set=demo.phones=many"}, []string{"/demo/phones"}},
		"more phones than simulated":    {[]string{demo, "--set=demo.phones=1000001"}, []string{"/demo/phones"}},
		"no shard":                      {[]string{demo, "--set=shards=0"}, []string{"/shards"}},
		"token with white space":        {[]string{"--set=account.token=a b"}, []string{"/account/token"}},
		"token that is a number":        {[]string{"--set=account.token=1"}, []string{"/account/token"}},
		"config without accounts":       {[]string{"--set=config.defaults.timeout=5s"}, []string{"/config", "accounts"}},
		"config with an unknown field":  {[]string{"--set=config.account.name=a"}, []string{"/config", "account"}},
		"config of no account":          {config(`[]`), []string{"/config/accounts"}},
		"account without a name":        {config(`[{"token_env":"A"}]`), []string{"/config/accounts/0", "name"}},
		"id of a phone without quotes":  {config(`[{"name":"a","phones":{"ids":[557536075321468390]}}]`), []string{"/config/accounts/0/phones/ids/0"}},
		"file name with a slash":        {[]string{"--set=secrets.a/b=c"}, []string{"invalid propertyName 'a/b'"}},
		"empty file":                    {[]string{"--set=secrets.a="}, []string{"/secrets/a"}},
		"name of a Secret in capitals":  {[]string{"--set=existingSecret=Geelark"}, []string{"/existingSecret"}},
		"tag with a slash":              {[]string{demo, "--set=image.tag=a/b"}, []string{"/image/tag"}},
		"digest that is none":           {[]string{demo, "--set=image.digest=sha256:12"}, []string{"/image/digest"}},
		"pull policy that is none":      {[]string{demo, "--set=image.pullPolicy=Sometimes"}, []string{"/image/pullPolicy"}},
		"argument that is no flag":      {[]string{demo, "--set=extraArgs={demo}"}, []string{"/extraArgs/0"}},
		"variable without a name":       {[]string{demo, `--set-json=extraEnv=[{"value":"a"}]`}, []string{"/extraEnv/0", "name"}},
		"label that is a number":        {[]string{demo, "--set=podLabels.a=1"}, []string{"/podLabels/a"}},
		"port beyond all":               {[]string{demo, "--set=service.port=65536"}, []string{"/service/port"}},
		"interval without a unit":       {[]string{demo, "--set=serviceMonitor.interval=60"}, []string{"/serviceMonitor/interval"}},
		"interval of zero":              {[]string{demo, "--set=serviceMonitor.interval=0s"}, []string{"/serviceMonitor/interval"}},
		"timeout in words":              {[]string{demo, "--set=podMonitor.scrapeTimeout=soon"}, []string{"/podMonitor/scrapeTimeout"}},
		"budget that allows nothing":    {[]string{demo, "--set=podDisruptionBudget.maxUnavailable=0"}, []string{"/podDisruptionBudget/maxUnavailable"}},
		"network policy without a port": {[]string{demo, "--set-json=networkPolicy.egress.ports=[]"}, []string{"/networkPolicy/egress/ports"}},
		"group without rules":           {[]string{demo, `--set-json=prometheusRule.additionalGroups=[{"name":"a"}]`}, []string{"/prometheusRule/additionalGroups/0", "rules"}},
		"threshold that is a list":      {[]string{demo, "--set=prometheusRule.thresholds.balance={1}"}, []string{"/prometheusRule/thresholds/balance"}},
		"runbook that is no address":    {[]string{demo, "--set=prometheusRule.runbookUrl=runbook.md"}, []string{"/prometheusRule/runbookUrl"}},
		"switch that is a word":         {[]string{demo, "--set=dashboards.enabled=on"}, []string{"/dashboards/enabled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := template(t, tt.args...)
			if r.code == 0 {
				t.Fatalf("helm template %q has no objection", tt.args)
			}
			for _, want := range tt.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("helm template %q: want %q in\n%s", tt.args, want, r.stderr)
				}
			}
		})
	}
}
