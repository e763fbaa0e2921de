package deploy

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"

	"geelark_exporter/deploy/processtest"
)

const compose = root + "/deploy/compose"

// project returns the services as Compose understands them, after a look at its
// schema. Further files change what compose.yaml says.
func project(t *testing.T, env map[string]string, further ...string) *types.Project {
	t.Helper()
	dir, err := filepath.Abs(compose)
	if err != nil {
		t.Fatal(err)
	}
	details := types.ConfigDetails{WorkingDir: dir, Environment: env}
	for _, file := range append([]string{"compose.yaml"}, further...) {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: filepath.Join(dir, file)})
	}
	p, err := loader.LoadWithContext(t.Context(), details)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// environment returns a service's variables, with the state in a directory of the
// test.
func environment(t *testing.T, s types.ServiceConfig) []string {
	t.Helper()
	var env []string
	for name, value := range s.Environment {
		if value != nil {
			env = append(env, name+"="+strings.ReplaceAll(*value, "/var/lib/geelark_exporter", t.TempDir()))
		}
	}
	return env
}

func TestTheTokenTurnsTheDemoIntoTheAccount(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env  map[string]string
		demo bool
	}{
		"without a token the exporter simulates GeeLark":   {nil, true},
		"with an empty token too":                          {map[string]string{"GEELARK_TOKEN": ""}, true},
		"with a token it watches the account of the token": {map[string]string{"GEELARK_TOKEN": "the-token-of-the-test"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := project(t, tt.env).Services["exporter"]
			env := environment(t, s)
			if !tt.demo { // no test asks GeeLark itself
				env = append(env, "GEELARK_BASE_URL=http://127.0.0.1:9")
			}
			p, address := serve(t, env, s.Command...)
			if demo := strings.Contains(p.Stderr.String(), "Serving a simulated GeeLark"); demo != tt.demo {
				t.Errorf("demo: %v, want %v", demo, tt.demo)
			}
			answers(t, "http://"+address+"/-/ready")
		})
	}
}

func TestTheExporterAcceptsTheExampleAsItsAccountsInCompose(t *testing.T) {
	t.Parallel()
	s := project(t, nil, "compose.accounts.yaml").Services["exporter"]
	dir := t.TempDir()
	// README.md says what to put there.
	write(t, dir+"/config.yml", []byte("accounts:\n  - name: team-a\n    token_file: secrets/team-a\n"))
	write(t, dir+"/secrets/team-a", []byte("the-token-of-the-test"))
	mounted := slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Target == "/etc/geelark_exporter" && v.ReadOnly && strings.HasSuffix(v.Source, "/deploy/compose/accounts")
	})
	if !mounted {
		t.Errorf("the folder accounts is not mounted: %+v", s.Volumes)
	}
	args := append(within(s.Command, "/etc/geelark_exporter", dir), "--config.check")
	if r := run(t, environment(t, s), exporter, args...); r.code != 0 || !strings.Contains(r.stdout, "valid: 1 account.") {
		t.Errorf("%q: %s", args, r)
	}
}

// Docker gives a new volume to whom the directory of the image belongs to.
func TestTheExporterMayWriteToItsVolumeInCompose(t *testing.T) {
	t.Parallel()
	s := project(t, nil).Services["exporter"]
	state := s.Environment["GEELARK_EXPORTER_STATE_DIRECTORY"]
	if state == nil || len(s.Volumes) != 1 || s.Volumes[0].Target != *state || s.Volumes[0].Type != types.VolumeTypeVolume {
		t.Fatalf("the state is in %v, volumes are %+v", state, s.Volumes)
	}
	dockerfile := string(read(t, filepath.Join(s.Build.Context, "Dockerfile")))
	if !regexp.MustCompile(`(?m)^COPY .*--chown=` + s.User + ` \S+ ` + *state + `/?$`).MatchString(dockerfile) {
		t.Errorf("the image has no %s that belongs to %s", *state, s.User)
	}
}

func TestComposeServicesAreHardened(t *testing.T) {
	t.Parallel()
	p := project(t, nil)
	if got := p.ServiceNames(); !slices.Equal(got, []string{"alertmanager", "exporter", "grafana", "prometheus"}) {
		t.Errorf("services %q", got)
	}
	pinned := regexp.MustCompile(`^[a-z/]+:v?\d+\.\d+\.\d+$`)
	id := regexp.MustCompile(`^[1-9]\d*:\d+$`)
	for name, s := range p.Services {
		if !s.ReadOnly || s.Privileged || len(s.CapAdd) > 0 || !slices.Contains(s.CapDrop, "ALL") ||
			!slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs: read_only %v, privileged %v, cap_add %q, cap_drop %q, security_opt %q",
				name, s.ReadOnly, s.Privileged, s.CapAdd, s.CapDrop, s.SecurityOpt)
		}
		if !id.MatchString(s.User) {
			t.Errorf("%s runs as %q, want a user by number other than 0", name, s.User)
		}
		if s.NetworkMode != "" || s.Pid != "" || s.Ipc != "" {
			t.Errorf("%s shares the machine's network, processes or memory", name)
		}
		if s.Build == nil && !pinned.MatchString(s.Image) {
			t.Errorf("%s has image %q, want an exact version", name, s.Image)
		}
		// The exporter's image has nothing to make a check with.
		if has, want := s.HealthCheck != nil, s.Build == nil; has != want {
			t.Errorf("%s has a health check: %v, want %v", name, has, want)
		}
		if len(s.Ports) == 0 {
			t.Errorf("%s has no port", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %d on %q, want the loopback interface", name, port.Target, port.HostIP)
			}
		}
		for dependency, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionHealthy && p.Services[dependency].HealthCheck == nil {
				t.Errorf("%s waits for the health of %s, which has no check", name, dependency)
			}
		}
	}
}

func TestComposeBuildsWithTheDockerfile(t *testing.T) {
	t.Parallel()
	b := project(t, nil).Services["exporter"].Build
	read(t, filepath.Join(b.Context, b.Dockerfile))
}

// contents copies what a service mounts into a directory of the test, under the
// paths of the container.
func contents(t *testing.T, s types.ServiceConfig) string {
	t.Helper()
	dir := t.TempDir()
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			if v.ReadOnly {
				t.Errorf("%s cannot write to its volume", v.Target)
			}
			write(t, filepath.Join(dir, v.Target, ".keep"), nil)
			continue
		}
		if !v.ReadOnly {
			t.Errorf("%s is not mounted read-only", v.Target)
		}
		if !strings.HasPrefix(v.Source, repository+"/") {
			t.Errorf("%s comes from %s, outside of the repository", v.Target, v.Source)
		}
		files := glob(t, v.Source)
		for i := 0; i < len(files); i++ {
			below, err := filepath.Glob(files[i] + "/*")
			if err != nil {
				t.Fatal(err)
			}
			if len(below) > 0 {
				files = append(files, below...)
				continue
			}
			write(t, filepath.Join(dir, v.Target, strings.TrimPrefix(files[i], v.Source)), read(t, files[i]))
		}
	}
	return dir
}

// within moves absolute paths in arguments, and a port, to where the test has them.
func within(args []string, replacements ...string) []string {
	r := strings.NewReplacer(replacements...)
	moved := make([]string, len(args))
	for i, a := range args {
		moved[i] = r.Replace(a)
	}
	return moved
}

func TestAlertmanagerRunsAsComposeRunsIt(t *testing.T) {
	t.Parallel()
	s := project(t, nil).Services["alertmanager"]
	dir, address := contents(t, s), processtest.FreeAddress(t)
	must(t, processtest.Tool(t, "AMTOOL"), "check-config", dir+"/etc/alertmanager/alertmanager.yml")
	args := within(s.Command, "=/", "="+dir+"/")
	start(t, nil, processtest.Tool(t, "ALERTMANAGER"), append(args, "--web.listen-address="+address)...)
	isHealthy(t, s, processtest.Tool(t, "AMTOOL"), "127.0.0.1:9093", address)
}

func TestPrometheusRunsAsComposeRunsIt(t *testing.T) {
	t.Parallel()
	s := project(t, nil).Services["prometheus"]
	dir, address := contents(t, s), processtest.FreeAddress(t)
	must(t, processtest.Tool(t, "PROMTOOL"), "check", "config", dir+"/etc/prometheus/prometheus.yml")
	args := within(s.Command, "=/", "="+dir+"/")
	start(t, nil, processtest.Tool(t, "PROMETHEUS"), append(args, "--web.listen-address="+address)...)
	isHealthy(t, s, processtest.Tool(t, "PROMTOOL"), "127.0.0.1:9090", address)
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []any `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	// It is healthy before it is ready.
	processtest.Eventually(t, "Prometheus tells its rules", func() bool {
		return json.Unmarshal(get(t, "http://"+address+"/api/v1/rules"), &rules) == nil
	})
	if got, want := len(rules.Data.Groups), len(groupsOf(t)); got != want {
		t.Errorf("Prometheus loaded %d groups of rules, want %d", got, want)
	}
}

// isHealthy waits until a service's own health check passes, which is made with
// the program of its image.
func isHealthy(t *testing.T, s types.ServiceConfig, program string, replacements ...string) {
	t.Helper()
	test := s.HealthCheck.Test
	if len(test) < 2 || test[0] != "CMD" || !strings.HasPrefix(filepath.Base(program), test[1]+"-") {
		t.Fatalf("the health check is %q", test)
	}
	processtest.Eventually(t, "health", func() bool {
		return run(t, nil, program, within(test[2:], replacements...)...).code == 0
	})
	if r := run(t, nil, program, within(test[2:], replacements[0], "127.0.0.1:9")...); r.code == 0 {
		t.Errorf("the health check passes where nothing listens: %s", r)
	}
}

func TestPrometheusInComposeDiffersInTheNamesOfHostsOnly(t *testing.T) {
	t.Parallel()
	renamed := strings.NewReplacer("localhost:9824", "exporter:9824", "localhost:9093", "alertmanager:9093")
	var want, got any
	if err := yaml.Unmarshal([]byte(renamed.Replace(string(read(t, root+"/deploy/prometheus/prometheus.yml")))), &want); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(read(t, compose+"/prometheus.yml"), &got); err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
}

func TestGrafanaIsProvisioned(t *testing.T) {
	t.Parallel()
	p := project(t, nil)
	s := p.Services["grafana"]
	dir := contents(t, s)

	// The fields are those of Grafana's document "Provision Grafana".
	var sources struct {
		APIVersion  int `json:"apiVersion"`
		Datasources []struct {
			Name      string `json:"name"`
			UID       string `json:"uid"`
			Type      string `json:"type"`
			Access    string `json:"access"`
			URL       string `json:"url"`
			IsDefault bool   `json:"isDefault"`
			JSONData  struct {
				HTTPMethod   string `json:"httpMethod"`
				TimeInterval string `json:"timeInterval"`
			} `json:"jsonData"`
		} `json:"datasources"`
	}
	for _, file := range glob(t, dir+"/etc/grafana/provisioning/datasources/*.yml") {
		decode(t, read(t, file), &sources)
	}
	if len(sources.Datasources) != 1 {
		t.Fatalf("data sources %+v", sources.Datasources)
	}
	var config struct {
		Global struct {
			ScrapeInterval string `json:"scrape_interval"`
		} `json:"global"`
	}
	if err := yaml.Unmarshal(read(t, compose+"/prometheus.yml"), &config); err != nil {
		t.Fatal(err)
	}
	d := sources.Datasources[0]
	if d.Type != "prometheus" || d.Access != "proxy" || !d.IsDefault || d.JSONData.TimeInterval != config.Global.ScrapeInterval {
		t.Errorf("the data source is %+v, scrapes come every %s", d, config.Global.ScrapeInterval)
	}
	reachable := slices.ContainsFunc(p.Services["prometheus"].Ports, func(port types.ServicePortConfig) bool {
		return d.URL == "http://prometheus:"+port.Published && port.Target == 9090
	})
	if !reachable {
		t.Errorf("no service is at %s", d.URL)
	}

	var boards struct {
		APIVersion int `json:"apiVersion"`
		Providers  []struct {
			Name    string `json:"name"`
			Folder  string `json:"folder"`
			Type    string `json:"type"`
			Options struct {
				Path string `json:"path"`
			} `json:"options"`
		} `json:"providers"`
	}
	for _, file := range glob(t, dir+"/etc/grafana/provisioning/dashboards/*.yml") {
		decode(t, read(t, file), &boards)
	}
	if sources.APIVersion != 1 || boards.APIVersion != 1 || len(boards.Providers) != 1 || boards.Providers[0].Type != "file" {
		t.Fatalf("providers of dashboards %+v", boards)
	}
	if got, want := len(glob(t, dir+boards.Providers[0].Options.Path+"/*.json")), len(glob(t, root+"/dashboards/json/*.json")); got != want {
		t.Errorf("%d dashboards are provisioned, want %d", got, want)
	}
	home := s.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if home == nil {
		t.Fatal("there is no home dashboard")
	}
	read(t, dir+*home)
}
