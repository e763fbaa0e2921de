package deploy

import (
	"encoding/json"
	"maps"
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
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"geelark_exporter/deploy/processtest"
)

// A schema is as much of a JSON schema as the tests read.
type schema struct {
	Properties  map[string]any    `json:"properties"`
	Definitions map[string]schema `json:"definitions"`
	Additional  any               `json:"additionalProperties"`
}

func valuesSchema(t *testing.T) schema {
	t.Helper()
	var s schema
	if err := json.Unmarshal(read(t, chart+"/values.schema.json"), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryValueOfTheSchemaIsInValuesYAML(t *testing.T) {
	t.Parallel()
	var values map[string]any
	if err := yaml.Unmarshal(read(t, chart+"/values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	var compare func(path string, values, properties map[string]any)
	compare = func(path string, values, properties map[string]any) {
		if got, want := slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(properties)); !slices.Equal(got, want) {
			t.Errorf("values.yaml has %s\n%q\nand its schema\n%q", path, got, want)
		}
		for name, below := range properties {
			s := below.(map[string]any)
			properties, described := s["properties"].(map[string]any)
			if !described || name == "config" { // which is the exporter's
				continue
			}
			if name != "global" && s["additionalProperties"] != false {
				t.Errorf("the schema takes what nobody reads in %s.%s", path, name)
			}
			compare(path+"."+name, values[name].(map[string]any), properties)
		}
	}
	s := valuesSchema(t)
	if s.Additional != false {
		t.Error("the schema takes what nobody reads")
	}
	compare("", values, s.Properties)
}

// fieldsOf are the fields that a type has in JSON.
func fieldsOf(typ reflect.Type, without ...string) []string {
	var names []string
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && (f.Anonymous || strings.Contains(options, "inline")):
			below := f.Type
			if below.Kind() == reflect.Pointer {
				below = below.Elem()
			}
			names = append(names, fieldsOf(below)...)
		case name != "" && name != "-":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return slices.Contains(without, n) })
}

// A mistyped field of an object that goes into the release as it is would be
// dropped by the API server in silence.
func TestTheSchemaKnowsTheFieldsOfTheAPIsTypes(t *testing.T) {
	t.Parallel()
	fields := map[string][]string{
		"affinity":                 fieldsOf(reflect.TypeFor[core.Affinity]()),
		"container":                fieldsOf(reflect.TypeFor[core.Container]()),
		"dnsConfig":                fieldsOf(reflect.TypeFor[core.PodDNSConfig]()),
		"envFromSource":            fieldsOf(reflect.TypeFor[core.EnvFromSource]()),
		"envVar":                   fieldsOf(reflect.TypeFor[core.EnvVar]()),
		"hostAlias":                fieldsOf(reflect.TypeFor[core.HostAlias]()),
		"httpRouteRule":            fieldsOf(reflect.TypeFor[gateway.HTTPRouteRule](), "backendRefs"),
		"ingressTLS":               fieldsOf(reflect.TypeFor[networking.IngressTLS]()),
		"networkPolicyPeer":        fieldsOf(reflect.TypeFor[networking.NetworkPolicyPeer]()),
		"parentRef":                fieldsOf(reflect.TypeFor[gateway.ParentReference]()),
		"podMonitorEndpoint":       fieldsOf(reflect.TypeFor[monitoring.PodMetricsEndpoint]()),
		"podSecurityContext":       fieldsOf(reflect.TypeFor[core.PodSecurityContext]()),
		"probe":                    fieldsOf(reflect.TypeFor[core.Probe]()),
		"relabeling":               fieldsOf(reflect.TypeFor[monitoring.RelabelConfig]()),
		"resources":                fieldsOf(reflect.TypeFor[core.ResourceRequirements]()),
		"ruleGroup":                fieldsOf(reflect.TypeFor[monitoring.RuleGroup]()),
		"securityContext":          fieldsOf(reflect.TypeFor[core.SecurityContext]()),
		"serviceMonitorEndpoint":   fieldsOf(reflect.TypeFor[monitoring.Endpoint]()),
		"toleration":               fieldsOf(reflect.TypeFor[core.Toleration]()),
		"topologySpreadConstraint": fieldsOf(reflect.TypeFor[core.TopologySpreadConstraint]()),
		"updateStrategy":           fieldsOf(reflect.TypeFor[apps.StatefulSetUpdateStrategy]()),
		"volume":                   fieldsOf(reflect.TypeFor[core.Volume]()),
		"volumeMount":              fieldsOf(reflect.TypeFor[core.VolumeMount]()),
		"volumeSource":             fieldsOf(reflect.TypeFor[core.VolumeSource]()),
	}
	if *update {
		updateSchema(t, fields)
	}
	definitions := valuesSchema(t).Definitions
	for name, want := range fields {
		d := definitions[name]
		if got := slices.Sorted(maps.Keys(d.Properties)); d.Additional != false || !slices.Equal(got, want) {
			t.Errorf("definitions.%s has the fields %q, the type %q: go test -run '%s' -update writes them", name, got, want, t.Name())
		}
	}
	for name, d := range definitions {
		if d.Properties != nil && fields[name] == nil {
			t.Errorf("definitions.%s has fields of a type that the test does not know", name)
		}
	}
}

// updateSchema writes the names of fields, and leaves the rest as it is.
func updateSchema(t *testing.T, fields map[string][]string) {
	t.Helper()
	text := string(read(t, chart+"/values.schema.json"))
	for name, names := range fields {
		properties := map[string]bool{}
		for _, n := range names {
			properties[n] = true
		}
		object, err := json.MarshalIndent(properties, "      ", "  ")
		if err != nil {
			t.Fatal(err)
		}
		old := regexp.MustCompile(`("` + name + `": \{[^{}]*"properties": )\{[^{}]*\}`)
		text = old.ReplaceAllString(text, "${1}"+string(object))
	}
	write(t, chart+"/values.schema.json", []byte(text))
}

var null = regexp.MustCompile(`(?m)^.*: null$|^ *null$`)

// A key of a values file whose value is commented out is null, which takes the
// default away.
func TestNullIsAsGoodAsEmptyOrIsRefused(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	var values object
	if err := yaml.Unmarshal(read(t, chart+"/values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	var whole object
	if err := json.Unmarshal(read(t, chart+"/values.schema.json"), &whole); err != nil {
		t.Fatal(err)
	}
	// What needs a value to be one, and all else, both set to null.
	needed, empty := object{}, object{}
	var names []string
	var walk func(values, schema, needed, empty object)
	walk = func(values, schema, needed, empty object) {
		properties, _ := schema["properties"].(object)
		required, _ := schema["required"].([]any)
		for name, value := range values {
			below, isObject := value.(object)
			described, _ := properties[name].(object)
			if fields, _ := described["properties"].(object); isObject && fields != nil && name != "config" {
				n, e := object{}, object{}
				needed[name], empty[name] = n, e
				walk(below, described, n, e)
			} else if slices.Contains(required, any(name)) {
				needed[name] = nil
				names = append(names, name)
			} else if name != "enabled" {
				empty[name] = nil
			}
		}
	}
	walk(values, whole, needed, empty)
	give := func(values object) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "values.yaml")
		text, err := yaml.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, text)
		return "--values=" + file
	}
	// All that is made from them is decoded strictly.
	for _, args := range [][]string{
		{"--set=existingSecret=geelark", "--set=serviceMonitor.enabled=true"},
		{"--set=demo.enabled=true", "--set=podMonitor.enabled=true"},
	} {
		m := render(t, append([]string{
			give(empty), `--set-json=ingress.hosts=[{"host":"example.org"}]`, `--set-json=httpRoute.parentRefs=[{"name":"public"}]`, "--set=ingress.enabled=true,httpRoute.enabled=true",
			"--set=podDisruptionBudget.enabled=true,networkPolicy.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true",
		}, args...)...)
		for key, o := range m {
			if nulls := null.FindAllString(o.text, -1); nulls != nil {
				t.Errorf("%s has %q", key, nulls)
			}
		}
	}
	sections := object{}
	for name, value := range values {
		if _, isObject := needed[name].(object); isObject && value != nil {
			sections[name] = nil
		}
	}
	if len(names) == 0 || len(sections) == 0 {
		t.Fatal("everything may be null")
	}
	refused := template(t, give(needed)).stderr
	for _, name := range names {
		if !strings.Contains(refused, "'"+name+"'") {
			t.Errorf("%s may be null:\n%s", name, refused)
		}
	}
	refused = template(t, give(sections)).stderr
	for name := range sections {
		if !strings.Contains(refused, "'"+name+"'") {
			t.Errorf("%s may be null:\n%s", name, refused)
		}
	}
}

func TestANameThatIsMadeOfTheReleasesMustBeAServices(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"farm": true, "farm-2": true, strings.Repeat("a", 53): true,
		"2farm": false, "farm.a": false,
	} {
		args := []string{"template", name, chart, "--set=demo.enabled=true"}
		r := run(t, nil, processtest.Tool(t, "HELM"), args...)
		if valid && r.code != 0 || !valid && (r.code == 0 || !strings.Contains(r.stderr, "set fullnameOverride")) {
			t.Errorf("release %s: %s", name, r)
		}
		if r := run(t, nil, processtest.Tool(t, "HELM"), append(args, "--set=fullnameOverride=phones")...); r.code != 0 {
			t.Errorf("release %s with fullnameOverride: %s", name, r)
		}
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	const demo = "--set=demo.enabled=true"
	token := func(values string) []string { return []string{"--set=account.token=a", "--set=" + values} }
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
		"rule that is no threshold":          {[]string{demo, `--set=prometheusRule.enabled=true,prometheusRule.thresholds.geelark:account=1`}, []string{`there is no threshold "geelark:account"`}},
		"Kubernetes without indexes of pods": {[]string{demo, "--kube-version=1.27.0"}, []string{"requires kubeVersion"}},

		"shards and replicas":            {append(config(`[{"name":"a"}]`), "--set=shards=2,replicas=2"), []string{"shards and replicas exclude each other"}},
		"a share that is too large":      {token("replicas=3,limitShare=2"), []string{"limitShare is 2, but the limits have to do for 3 replicas"}},
		"a claim without state":          {token("state.enabled=false,state.claim.enabled=true"), []string{"state.claim needs state.enabled"}},
		"a claim and a volume":           {token("state.enabled=true,state.claim.enabled=true,state.volume.hostPath.path=/srv"), []string{"takes the place of state.volume"}},
		"one directory for two":          {token("state.enabled=true,replicas=2,state.volume.persistentVolumeClaim.claimName=b"), []string{"which one exporter alone may use"}},
		"TLS without a file":             {token("web.tls=true"), []string{"give web.existingSecret"}},
		"a password without a file":      {token("web.authentication=true"), []string{"give web.existingSecret"}},
		"a flag of the chart's":          {token("extraArgs={--geelark.token-file=/a}"), []string{"the chart sets --geelark.token-file itself"}},
		"a flag that a value stands for": {[]string{demo, "--set=extraArgs={--web.external-url=https://example.org/a}"}, []string{"the chart sets --web.external-url itself, by web.externalUrl"}},
		"a flag that is taken back":      {[]string{demo, "--set=extraArgs={--no-demo}"}, []string{"the chart sets --demo itself, by demo.enabled"}},
		"another port":                   {[]string{demo, "--set=extraArgs={--web.listen-address=:9999}"}, []string{"look for on port 9824"}},
		"a volume of the chart's":        {[]string{demo, `--set-json=extraVolumes=[{"name":"config","emptyDir":{}}]`}, []string{`"config" is a volume of the chart's own`}},
		"a port of no node":              {[]string{demo, "--set=service.nodePort=30000"}, []string{"service.nodePort needs the service.type"}},
		"an address of no balancer":      {[]string{demo, "--set=service.loadBalancerIP=192.0.2.1"}, []string{"need the service.type LoadBalancer"}},
		"a job that no alert knows":      {[]string{demo, "--set=prometheusRule.enabled=true,podMonitor.enabled=true,podMonitor.job=phones"}, []string{`which "phones" has not`}},
		"a number in quotes":             {[]string{demo, "--set=prometheusRule.enabled=true", "--set-string=prometheusRule.thresholds.credit=5"}, []string{"credit is a number: give it without quotes"}},
		"a number for a pattern":         {[]string{demo, "--set=prometheusRule.enabled=true", "--set=prometheusRule.thresholds.groups_with_expected_stops=5"}, []string{"groups_with_expected_stops is a pattern: put it in quotes"}},
		"relabelings in two places":      {[]string{demo, `--set-json=serviceMonitor={"enabled":true,"endpoint":{"relabelings":[]}}`}, []string{"would take the place of its relabelings"}},
		"an Ingress without a host":      {[]string{demo, "--set=ingress.enabled=true"}, []string{"ingress.hosts is empty"}},
		"a route without a Gateway":      {[]string{demo, "--set=httpRoute.enabled=true"}, []string{"httpRoute.parentRefs is empty"}},

		// By the schema.
		"unknown value":                  {[]string{demo, "--set=replica=2"}, []string{"replica"}},
		"unknown value inside":           {[]string{demo, "--set=service.portt=1"}, []string{"/service", "portt"}},
		"phones that are no number":      {[]string{demo, "--set=demo.phones=many"}, []string{"/demo/phones"}},
		"more phones than simulated":     {[]string{demo, "--set=demo.phones=1000001"}, []string{"/demo/phones"}},
		"no shard":                       {[]string{demo, "--set=shards=0"}, []string{"/shards"}},
		"token with white space":         {[]string{"--set=account.token=a b"}, []string{"/account/token"}},
		"token that is a number":         {[]string{"--set=account.token=1"}, []string{"/account/token"}},
		"config without accounts":        {[]string{"--set=config.defaults.timeout=5s"}, []string{"/config", "accounts"}},
		"config with an unknown field":   {[]string{"--set=config.account.name=a"}, []string{"/config", "account"}},
		"config of no account":           {config(`[]`), []string{"/config/accounts"}},
		"account without a name":         {config(`[{"token_env":"A"}]`), []string{"/config/accounts/0", "name"}},
		"id of a phone without quotes":   {config(`[{"name":"a","phones":{"ids":[557536075321468390]}}]`), []string{"/config/accounts/0/phones/ids/0"}},
		"file name with a slash":         {[]string{"--set=secrets.a/b=c"}, []string{"invalid propertyName 'a/b'"}},
		"empty file":                     {[]string{"--set=secrets.a="}, []string{"/secrets/a"}},
		"name of a Secret in capitals":   {[]string{"--set=existingSecret=Geelark"}, []string{"/existingSecret"}},
		"tag with a slash":               {[]string{demo, "--set=image.tag=a/b"}, []string{"/image/tag"}},
		"digest that is none":            {[]string{demo, "--set=image.digest=sha256:12"}, []string{"/image/digest"}},
		"pull policy that is none":       {[]string{demo, "--set=image.pullPolicy=Sometimes"}, []string{"/image/pullPolicy"}},
		"argument that is no flag":       {[]string{demo, "--set=extraArgs={demo}"}, []string{"/extraArgs/0"}},
		"variable without a name":        {[]string{demo, `--set-json=extraEnv=[{"value":"a"}]`}, []string{"/extraEnv/0", "name"}},
		"label that is a number":         {[]string{demo, "--set=podLabels.a=1"}, []string{"/podLabels/a"}},
		"port beyond all":                {[]string{demo, "--set=service.port=65536"}, []string{"/service/port"}},
		"interval without a unit":        {[]string{demo, "--set=serviceMonitor.interval=60"}, []string{"/serviceMonitor/interval"}},
		"interval of zero":               {[]string{demo, "--set=serviceMonitor.interval=0s"}, []string{"/serviceMonitor/interval"}},
		"timeout in words":               {[]string{demo, "--set=podMonitor.scrapeTimeout=soon"}, []string{"/podMonitor/scrapeTimeout"}},
		"budget that allows nothing":     {[]string{demo, "--set=podDisruptionBudget.maxUnavailable=0"}, []string{"/podDisruptionBudget/maxUnavailable"}},
		"network policy without a port":  {[]string{demo, "--set-json=networkPolicy.egress.ports=[]"}, []string{"/networkPolicy/egress/ports"}},
		"group without rules":            {[]string{demo, `--set-json=prometheusRule.additionalGroups=[{"name":"a"}]`}, []string{"/prometheusRule/additionalGroups/0", "rules"}},
		"threshold that is a list":       {[]string{demo, "--set=prometheusRule.thresholds.credit={1}"}, []string{"/prometheusRule/thresholds/credit"}},
		"runbook that is no address":     {[]string{demo, "--set=prometheusRule.runbookUrl=runbook.md"}, []string{"/prometheusRule/runbookUrl"}},
		"switch that is a word":          {[]string{demo, "--set=dashboards.enabled=on"}, []string{"/dashboards/enabled"}},
		"name with capitals":             {[]string{demo, "--set=fullnameOverride=Phones"}, []string{"/fullnameOverride"}},
		"name with an underscore":        {[]string{demo, "--set=fullnameOverride=my_phones"}, []string{"/fullnameOverride"}},
		"name with a dot":                {[]string{demo, "--set=fullnameOverride=phones.a"}, []string{"/fullnameOverride"}},
		"name that begins with a digit":  {[]string{demo, "--set-string=fullnameOverride=1phones"}, []string{"/fullnameOverride"}},
		"name that ends with a dash":     {[]string{demo, "--set=fullnameOverride=phones-"}, []string{"/fullnameOverride"}},
		"name that is too long":          {[]string{demo, "--set=fullnameOverride=" + strings.Repeat("a", 53)}, []string{"/fullnameOverride"}},
		"namespace with a dot":           {[]string{demo, "--set=namespaceOverride=a.b"}, []string{"/namespaceOverride"}},
		"registry with a scheme":         {[]string{demo, "--set=image.registry=https://example.org"}, []string{"/image/registry"}},
		"registry that ends in a slash":  {[]string{demo, "--set=global.imageRegistry=example.org/"}, []string{"/global/imageRegistry"}},
		"probe with a mistyped field":    {[]string{demo, "--set=livenessProbe.periodSecond=3"}, []string{"/livenessProbe", "periodSecond"}},
		"toleration with one":            {[]string{demo, `--set-json=tolerations=[{"keys":"a"}]`}, []string{"/tolerations/0", "keys"}},
		"container without an image":     {[]string{demo, `--set-json=extraContainers=[{"name":"a"}]`}, []string{"/extraContainers/0", "image"}},
		"host alias without a name":      {[]string{demo, `--set-json=hostAliases=[{"ip":"192.0.2.1","hostNames":[]}]`}, []string{"/hostAliases/0", "hostNames"}},
		"policy of DNS that is none":     {[]string{demo, "--set=dnsPolicy=clusterFirst"}, []string{"/dnsPolicy"}},
		"family of addresses":            {[]string{demo, "--set=service.ipFamilies={ipv4}"}, []string{"/service/ipFamilies/0"}},
		"policy of families":             {[]string{demo, "--set=service.ipFamilyPolicy=DualStack"}, []string{"/service/ipFamilyPolicy"}},
		"endpoint with a mistyped field": {[]string{demo, "--set=serviceMonitor.endpoint.basicauth.username.name=a"}, []string{"/serviceMonitor/endpoint", "basicauth"}},
		"target labels of a PodMonitor":  {[]string{demo, "--set=podMonitor.targetLabels={a}"}, []string{"/podMonitor", "targetLabels"}},
		"size of a claim":                {[]string{demo, "--set=state.claim.size=much"}, []string{"/state/claim/size"}},
		"two kinds of volume":            {[]string{demo, "--set=state.volume.hostPath.path=/a,state.volume.nfs.path=/b"}, []string{"/state/volume"}},
		"interval of reloads":            {[]string{demo, "--set=configReloadInterval=often"}, []string{"/configReloadInterval"}},
		"address that is none":           {[]string{demo, "--set=web.externalUrl=geelark.example.org"}, []string{"/web/externalUrl"}},
		"path without a slash":           {[]string{demo, `--set-json=ingress.hosts=[{"host":"a","paths":[{"path":"b"}]}]`}, []string{"/ingress/hosts/0/paths/0/path"}},
		"route with its own backend":     {[]string{demo, `--set-json=httpRoute.rules=[{"backendRefs":[]}]`}, []string{"/httpRoute/rules/0", "backendRefs"}},
		"fewer replicas than none":       {[]string{demo, "--set=replicas=-1"}, []string{"/replicas"}},
		"repository with a tag":          {[]string{demo, "--set=image.repository=example.org/geelark_exporter:v1"}, []string{"/image/repository"}},
		"repository with a digest":       {[]string{demo, "--set=image.repository=example.org/geelark_exporter@sha256:00"}, []string{"/image/repository"}},
		"digest in place of a tag":       {[]string{demo, "--set=image.tag=sha256:00"}, []string{"/image/tag"}},
		"variable that is a number":      {[]string{demo, `--set-json=extraEnv=[{"name":"A","value":1}]`}, []string{"/extraEnv/0/value"}},
		"toleration of a boolean":        {[]string{demo, `--set-json=tolerations=[{"key":"a","value":true}]`}, []string{"/tolerations/0/value"}},
		"port of the nodes in words":     {[]string{demo, "--set=service.nodePort=any"}, []string{"/service/nodePort"}},
		"range without a length":         {[]string{demo, "--set=service.loadBalancerSourceRanges={192.0.2.1}"}, []string{"/service/loadBalancerSourceRanges/0"}},
		"selector in braces":             {[]string{demo, `--set-json=prometheusRule.jobSelector="{job=\"a\"}"`}, []string{"/prometheusRule/jobSelector"}},
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

func TestValuesReachThePod(t *testing.T) {
	t.Parallel()
	const demo = "--set=demo.enabled=true"
	none := render(t, demo)
	if pod := none.pod(t).Spec; pod.HostNetwork || pod.HostUsers != nil || *pod.AutomountServiceAccountToken || pod.DNSPolicy != "" {
		t.Errorf("without values the pod is %+v", pod)
	}
	if pod := render(t, demo, "--set=hostNetwork=true").pod(t).Spec; !pod.HostNetwork || pod.DNSPolicy != core.DNSClusterFirstWithHostNet {
		t.Errorf("in the node's network it resolves names by %q", pod.DNSPolicy)
	}
	if pod := render(t, demo, "--set=hostNetwork=true,dnsPolicy=Default").pod(t).Spec; pod.DNSPolicy != core.DNSDefault {
		t.Errorf("it resolves names by %q, not as asked", pod.DNSPolicy)
	}
	if replicas := render(t, demo, "--set=replicas=0").workload(t).Spec.Replicas; *replicas != 0 {
		t.Errorf("stopped, there are %d pods", *replicas)
	}
	if pod := render(t, demo, "--set=serviceAccount.create=false,serviceAccount.name=robot").pod(t).Spec; pod.ServiceAccountName != "robot" {
		t.Errorf("the ServiceAccount is %q", pod.ServiceAccountName)
	}
	for image, args := range map[string]string{
		"mirror.example.org:5000/hub/team/geelark_exporter:v1":            "global.imageRegistry=mirror.example.org:5000/hub,image.registry=ghcr.io,image.repository=team/geelark_exporter,image.tag=v1",
		"ghcr.io/team/geelark_exporter@sha256:" + strings.Repeat("a", 64): "image.repository=ghcr.io/team/geelark_exporter,image.tag=v1,image.digest=sha256:" + strings.Repeat("a", 64),
		"localhost:5000/a/geelark_exporter:v1":                            "image.repository=localhost:5000/a/geelark_exporter,image.tag=v1",
	} {
		if got := render(t, demo, "--set="+args).pod(t).Spec.Containers[0].Image; got != image {
			t.Errorf("%s makes the image %q, want %q", args, got, image)
		}
	}
}
