package deploy

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	podpolicy "k8s.io/pod-security-admission/policy"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"geelark_exporter/deploy/processtest"
)

const (
	chart   = root + "/deploy/helm/geelark-exporter"
	release = "farm"
)

var update = flag.Bool("update", false, "write what is made now to the files that the tests compare it with")

// kinds are the types of the objects that the chart makes.
var kinds = map[string]reflect.Type{
	"apps/v1 StatefulSet":                     reflect.TypeFor[apps.StatefulSet](),
	"apps/v1 Deployment":                      reflect.TypeFor[apps.Deployment](),
	"v1 Service":                              reflect.TypeFor[core.Service](),
	"v1 ServiceAccount":                       reflect.TypeFor[core.ServiceAccount](),
	"v1 ConfigMap":                            reflect.TypeFor[core.ConfigMap](),
	"v1 Secret":                               reflect.TypeFor[core.Secret](),
	"networking.k8s.io/v1 NetworkPolicy":      reflect.TypeFor[networking.NetworkPolicy](),
	"networking.k8s.io/v1 Ingress":            reflect.TypeFor[networking.Ingress](),
	"gateway.networking.k8s.io/v1 HTTPRoute":  reflect.TypeFor[gateway.HTTPRoute](),
	"policy/v1 PodDisruptionBudget":           reflect.TypeFor[policy.PodDisruptionBudget](),
	"monitoring.coreos.com/v1 ServiceMonitor": reflect.TypeFor[monitoring.ServiceMonitor](),
	"monitoring.coreos.com/v1 PodMonitor":     reflect.TypeFor[monitoring.PodMonitor](),
	"monitoring.coreos.com/v1 PrometheusRule": reflect.TypeFor[monitoring.PrometheusRule](),
}

// An object is one of a release, as the API's types see it.
type object struct {
	text string
	meta.Object
}

// A manifest has the objects of a release by kind, namespace and name.
type manifest map[string]object

// parse decodes objects strictly: a field that their types do not know fails.
func parse(t *testing.T, text string) manifest {
	t.Helper()
	m := manifest{}
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		var head struct {
			meta.TypeMeta `json:",inline"`
		}
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("%v in %s", err, document)
		}
		if head.Kind == "" {
			continue
		}
		kind := head.APIVersion + " " + head.Kind
		if kinds[kind] == nil {
			t.Fatalf("no type is known for %s", kind)
		}
		o := reflect.New(kinds[kind]).Interface()
		decode(t, []byte(document), o)
		named := o.(meta.Object)
		key := fmt.Sprintf("%s %s/%s", kind, named.GetNamespace(), named.GetName())
		if _, ok := m[key]; ok {
			t.Errorf("%s is made twice", key)
		}
		m[key] = object{text: document, Object: named}
	}
	return m
}

// of returns the objects of a type by their keys' order.
func of[T any](m manifest) []*T {
	var all []*T
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if o, ok := m[key].Object.(any).(*T); ok {
			all = append(all, o)
		}
	}
	return all
}

// template runs helm template on the chart.
func template(t *testing.T, args ...string) result {
	t.Helper()
	args = append([]string{"template", release, chart, "--namespace=monitoring"}, args...)
	return run(t, nil, processtest.Tool(t, "HELM"), args...)
}

// render returns the release's objects.
func render(t *testing.T, args ...string) manifest {
	t.Helper()
	r := template(t, args...)
	if r.code != 0 {
		t.Fatalf("helm template %s: %s", strings.Join(args, " "), r)
	}
	return parse(t, r.stdout)
}

// workload returns the only StatefulSet.
func (m manifest) workload(t *testing.T) *apps.StatefulSet {
	t.Helper()
	all := of[apps.StatefulSet](m)
	if len(all) != 1 {
		t.Fatalf("%d StatefulSets", len(all))
	}
	return all[0]
}

func (m manifest) pod(t *testing.T) *core.PodTemplateSpec {
	t.Helper()
	return &m.workload(t).Spec.Template
}

// forEachValuesFile runs a test with what each values file of the chart makes, and
// further ones.
func forEachValuesFile(t *testing.T, test func(*testing.T, string, manifest)) {
	t.Helper()
	for _, file := range glob(t, chart+"/ci/*-values.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), "-values.yaml"), func(t *testing.T) {
			t.Parallel()
			test(t, file, render(t, "--values="+file))
		})
	}
}

// A metadata is as much of Chart.yaml as the tests read.
type metadata struct {
	Version    string `json:"version"`
	AppVersion string `json:"appVersion"`

	Annotations map[string]string `json:"annotations"`
}

func readMetadata(t *testing.T) metadata {
	t.Helper()
	var c metadata
	if err := yaml.Unmarshal(read(t, chart+"/Chart.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheChartMakesTheObjectsOfTheGoldenFiles(t *testing.T) {
	t.Parallel()
	c := readMetadata(t)
	versions := strings.NewReplacer("geelark-exporter-"+c.Version, "geelark-exporter-CHART", c.AppVersion, "APP")
	// Rules and dashboards are files of the repository, which other tests compare:
	// here is one of the dashboards, without what it holds.
	long := regexp.MustCompile(`(?m)^(\s+[a-z_]+\.json: \||  groups:)\n((    .*)?\n)+`)
	forEachValuesFile(t, func(t *testing.T, file string, m manifest) {
		var made strings.Builder
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if strings.Contains(key, "-dashboard-") && !strings.HasSuffix(key, "-dashboard-fleet") {
				continue
			}
			text := long.ReplaceAllString(strings.Trim(m[key].text, "\n")+"\n", "$1 # left out\n")
			fmt.Fprintf(&made, "---\n%s", versions.Replace(text))
		}
		golden(t, "testdata/chart/"+strings.Replace(filepath.Base(file), "-values", "", 1), made.String())
	})
}

// golden compares a text with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		write(t, file, []byte(got))
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: go test -run '%s' -update writes it", err, t.Name())
	}
	if got == string(want) {
		return
	}
	made := filepath.Join(t.TempDir(), filepath.Base(file))
	write(t, made, []byte(got))
	diff, _ := exec.Command("diff", "-u", file, made).CombinedOutput()
	t.Errorf("not as in %s, which go test -run '%s' -update writes anew:\n%s", file, t.Name(), diff)
}

func TestTheChartHasNothingToLint(t *testing.T) {
	t.Parallel()
	must(t, processtest.Tool(t, "HELM"), "lint", "--strict", "--set=demo.enabled=true", chart)
	for _, file := range glob(t, chart+"/ci/*-values.yaml") {
		must(t, processtest.Tool(t, "HELM"), "lint", "--strict", "--values="+file, chart)
	}
}

func TestTheChartIsOfTheVersionInTheChangelog(t *testing.T) {
	t.Parallel()
	newest := regexp.MustCompile(`(?m)^## (\d\S+)`).FindSubmatch(read(t, root+"/CHANGELOG.md"))
	if got := readMetadata(t).AppVersion; newest == nil || got != string(newest[1]) {
		t.Errorf("the chart's appVersion is %q, the changelog begins with %q", got, newest)
	}
}

func TestArtifactHubReadsWhatChangedInTheChart(t *testing.T) {
	t.Parallel()
	var changes []struct {
		Kind        string `json:"kind"`
		Description string `json:"description"`
	}
	decode(t, []byte(readMetadata(t).Annotations["artifacthub.io/changes"]), &changes)
	if len(changes) == 0 {
		t.Error("nothing has changed")
	}
	for _, c := range changes {
		if !slices.Contains([]string{"added", "changed", "deprecated", "removed", "fixed", "security"}, c.Kind) || c.Description == "" {
			t.Errorf("%+v is no change", c)
		}
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
	forEachValuesFile(t, func(t *testing.T, _ string, m manifest) {
		for _, v := range violations(m.pod(t)) {
			t.Error(v)
		}
	})
	t.Run("which the check would notice", func(t *testing.T) {
		pod := render(t, "--set=demo.enabled=true", "--set=securityContext.allowPrivilegeEscalation=true").pod(t)
		if len(violations(pod)) == 0 {
			t.Error("a pod that may escalate its privileges passes")
		}
	})
}

// secretsOfTheTest are what the values files hold that no one may see.
var secretsOfTheTest = regexp.MustCompile(`the-(token|key)-of-the-test|dGhlLXRva2VuLW9mLXRoZS10ZXN0|dGhlLWtleS1vZi10aGUtdGVzd`)

func TestSecretsAreInSecretsOnly(t *testing.T) {
	t.Parallel()
	forEachValuesFile(t, func(t *testing.T, file string, m manifest) {
		given, rendered := secretsOfTheTest.Match(read(t, file)), false
		for key, o := range m {
			if secretsOfTheTest.MatchString(o.text) {
				rendered = true
				if !strings.HasPrefix(key, "v1 Secret ") {
					t.Errorf("%s holds a secret:\n%s", key, o.text)
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
	notesOf := func(t *testing.T, args ...string) string {
		t.Helper()
		r := must(t, processtest.Tool(t, "HELM"), append([]string{"template", release, dir, "--namespace=monitoring"}, args...)...)
		var c core.ConfigMap
		decode(t, []byte(r.stdout), &c)
		return c.Data["notes"]
	}
	if notes := notesOf(t, "--set=existingSecret=geelark,replicas=0"); !strings.Contains(notes, "has no pod, because replicas is 0.") || strings.Contains(notes, "port-forward") {
		t.Errorf("without a pod the notes are\n%s", notes)
	}
	forEachValuesFile(t, func(t *testing.T, file string, m manifest) {
		notes := notesOf(t, "--values="+file)
		workload := m.workload(t)
		for _, want := range []string{
			fmt.Sprintf("runs as statefulset %s in namespace %s, in mode ", workload.Name, workload.Namespace),
			fmt.Sprintf("kubectl -n %s port-forward pod/%s-0 9824\n", workload.Namespace, workload.Name),
		} {
			if !strings.Contains(notes, want) {
				t.Errorf("want %q in the notes\n%s", want, notes)
			}
		}
		monitored := len(of[monitoring.ServiceMonitor](m))+len(of[monitoring.PodMonitor](m)) > 0
		if monitored == strings.Contains(notes, "Nothing scrapes it yet") || secretsOfTheTest.MatchString(notes) {
			t.Errorf("monitored: %v, but the notes are\n%s", monitored, notes)
		}
	})
}

func TestThePackagedChartMakesTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, processtest.Tool(t, "HELM"), "package", "--destination="+dir, chart)
	archive := glob(t, dir+"/*.tgz")[0]
	listed, err := exec.Command("tar", "-tvzf", archive).Output()
	if err != nil {
		t.Fatal(err)
	}
	// Files, where the repository has links.
	if links := regexp.MustCompile(`(?m)^l.*`).FindAll(listed, -1); links != nil {
		t.Errorf("the archive has links: %q", links)
	}
	if !strings.Contains(string(listed), "geelark-exporter/README.md") {
		t.Errorf("the archive has no README:\n%s", listed)
	}
	for _, values := range glob(t, chart+"/ci/*-values.yaml") {
		fromArchive := must(t, processtest.Tool(t, "HELM"), "template", release, archive, "--namespace=monitoring", "--values="+values).stdout
		if fromArchive != template(t, "--values="+values).stdout {
			t.Errorf("the archive and the directory make different objects of %s", values)
		}
	}
}
