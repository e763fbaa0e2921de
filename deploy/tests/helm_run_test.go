package deploy

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	core "k8s.io/api/core/v1"

	"geelark_exporter/deploy/processtest"
)

// A certificate for whom it may concern, and the files of a Secret with it.
func certificate(t *testing.T) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
	}
}

// What web.yml may hold. The hash is that of "the-password-of-the-test".
const (
	webTLS      = "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n"
	webMTLS     = "tls_server_config: {cert_file: tls.crt, key_file: tls.key, client_ca_file: tls.crt, client_auth_type: RequireAndVerifyClientCert}\n"
	webPassword = "basic_auth_users: {prometheus: $2a$04$.ZEYZkLjBprqpAbz/njzHed2Zu2SVx/BDMNIh/dbpxhmhnGhNia/m}\n"
)

// A cluster has what values files take from Secrets of which the chart does not
// know.
type cluster struct {
	dir     string                       // that stands for the root of the pod's file system
	secrets map[string]map[string]string // by name and key
	env     map[string]string
}

func newCluster(t *testing.T, web string) cluster {
	t.Helper()
	c := cluster{
		dir: t.TempDir(),
		secrets: map[string]map[string]string{
			"geelark":     {"token": "the-token-of-the-test"},
			"geelark-web": certificate(t),
		},
		env: map[string]string{"TEAM_C_TOKEN": "another-token"},
	}
	c.secrets["geelark-web"]["web.yml"] = web
	return c
}

// moved is a text with the paths of the pod's file system moved to the test's.
func (c cluster) moved(s string) string {
	return strings.NewReplacer("/etc/geelark_exporter/", c.dir+"/etc/", "/var/lib/geelark_exporter", c.dir+"/state").Replace(s)
}

// mount makes a volume of files as the kubelet does, who replaces them all by
// one change of a link.
func (c cluster) mount(t *testing.T, path string, files map[string]string) {
	t.Helper()
	path = c.moved(path + "/")
	version := fmt.Sprintf("..%d", time.Now().UnixNano())
	for name, content := range files {
		write(t, filepath.Join(path, version, name), []byte(c.moved(content)))
		if _, err := os.Lstat(filepath.Join(path, name)); errors.Is(err, os.ErrNotExist) {
			if err := os.Symlink("..data/"+name, filepath.Join(path, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Symlink(version, filepath.Join(path, "..new")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(path, "..new"), filepath.Join(path, "..data")); err != nil {
		t.Fatal(err)
	}
}

// pod returns the arguments and the environment of the exporter in the pod with
// an index, after mounting its volumes.
func (c cluster) pod(t *testing.T, m manifest, index int) (args, env []string) {
	t.Helper()
	spec := m.pod(t).Spec
	container := spec.Containers[0]
	for _, mount := range container.VolumeMounts {
		at := slices.IndexFunc(spec.Volumes, func(v core.Volume) bool { return v.Name == mount.Name })
		if at < 0 {
			if mount.Name != "state" || len(m.workload(t).Spec.VolumeClaimTemplates) != 1 {
				t.Errorf("no volume is named %s", mount.Name)
			}
			continue
		}
		var files map[string]string
		switch v := spec.Volumes[at]; {
		case v.Name == "ca" || v.Name == "state":
			continue
		case v.ConfigMap != nil:
			for _, o := range of[core.ConfigMap](m) {
				if o.Name == v.ConfigMap.Name {
					files = o.Data
				}
			}
		case v.Secret != nil:
			files = c.secrets[v.Secret.SecretName]
			for _, o := range of[core.Secret](m) {
				if o.Name == v.Secret.SecretName {
					files = o.StringData
				}
			}
		}
		if len(files) == 0 {
			t.Errorf("nothing is in volume %s", mount.Name)
		}
		c.mount(t, mount.MountPath, files)
	}
	for _, v := range container.Env {
		value := v.Value
		switch from := v.ValueFrom; {
		case from == nil:
		case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.labels['apps.kubernetes.io/pod-index']":
			value = fmt.Sprint(index)
		case from.SecretKeyRef != nil:
			value = c.env[v.Name]
		default:
			t.Errorf("variable %s comes from %v", v.Name, from)
		}
		env = append(env, v.Name+"="+value)
	}
	for _, a := range container.Args {
		args = append(args, c.moved(a))
	}
	return args, env
}

func TestTheExporterAcceptsWhatThePodsGiveIt(t *testing.T) {
	t.Parallel()
	forEachValuesFile(t, func(t *testing.T, _ string, m manifest) {
		for index := range int(*m.workload(t).Spec.Replicas) {
			args, env := newCluster(t, webTLS+webPassword).pod(t, m, index)
			if r := run(t, env, exporter, append(args, "--config.check")...); r.code != 0 {
				t.Errorf("pod %d: %s: %s", index, strings.Join(args, " "), r)
			}
		}
	})
	t.Run("but no pod with an index beyond the shards", func(t *testing.T) {
		t.Parallel()
		m := render(t, "--values="+chart+"/ci/shards-values.yaml")
		args, env := newCluster(t, webTLS).pod(t, m, 3)
		if r := run(t, env, exporter, append(args, "--config.check")...); r.code == 0 || !strings.Contains(r.stderr, "$GEELARK_EXPORTER_SHARD must be") {
			t.Errorf("want an error about the shard: %s", r)
		}
	})
}

func TestShardsShareTheAccounts(t *testing.T) {
	t.Parallel()
	m := render(t, "--values="+chart+"/ci/shards-values.yaml", "--set=web.existingSecret=,web.tls=false,web.externalUrl=")
	owners := map[string]int{}
	for index := range int(*m.workload(t).Spec.Replicas) {
		args, env := newCluster(t, "").pod(t, m, index)
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

// passes makes a probe as the kubelet does: without a password, and with trust in
// any certificate.
func passes(address string, p *core.Probe) error {
	if p.TCPSocket != nil {
		conn, err := net.DialTimeout("tcp", address, processtest.Patience)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	kubelet := http.Client{Timeout: processtest.Patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	response, err := kubelet.Get(strings.ToLower(string(p.HTTPGet.Scheme)) + "://" + address + p.HTTPGet.Path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return errors.New(response.Status)
	}
	return nil
}

func TestProbesPassWhateverStandsBeforeTheExporter(t *testing.T) {
	t.Parallel()
	const secret = "--set=web.existingSecret=geelark-web"
	for name, tt := range map[string]struct {
		web  string
		args []string
		fail bool
	}{
		"nothing":                           {},
		"TLS":                               {web: webTLS, args: []string{secret, "--set=web.tls=true"}},
		"a password":                        {web: webPassword, args: []string{secret, "--set=web.authentication=true"}},
		"TLS and a password":                {web: webTLS + webPassword, args: []string{secret, "--set=web.tls=true,web.authentication=true"}},
		"certificates of clients":           {web: webMTLS, args: []string{secret, "--set=web.tls=true,web.authentication=true"}},
		"a proxy with a path":               {args: []string{"--set=web.externalUrl=https://example.org/geelark"}},
		"a proxy that takes the path away":  {args: []string{"--set=web.externalUrl=https://example.org/geelark,web.routePrefix=/"}},
		"TLS that the values do not say":    {web: webTLS, args: []string{secret}, fail: true},
		"passwords that they do not say":    {web: webPassword, args: []string{secret}, fail: true},
		"certificates that they do not say": {web: webMTLS, args: []string{secret, "--set=web.tls=true"}, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := render(t, append(tt.args, "--set=demo.enabled=true,startupProbe.failureThreshold=30,serviceMonitor.enabled=true")...)
			args, env := newCluster(t, tt.web).pod(t, m, 0)
			_, address := serve(t, env, args...)
			c := m.pod(t).Spec.Containers[0]
			probes := []*core.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe}
			if c.LivenessProbe.HTTPGet != nil { // then Prometheus needs no password either
				endpoint := of[monitoring.ServiceMonitor](m)[0].Spec.Endpoints[0]
				scrape := *c.LivenessProbe.HTTPGet
				scrape.Path, scrape.Scheme = cmp.Or(endpoint.Path, "/metrics"), core.URIScheme(endpoint.Scheme.String())
				probes = append(probes, &core.Probe{ProbeHandler: core.ProbeHandler{HTTPGet: &scrape}})
			}
			for _, probe := range probes {
				if err := passes(address, probe); (err != nil) != tt.fail {
					t.Errorf("the probe %v: %v", probe.ProbeHandler, err)
				}
			}
		})
	}
}

func TestAHandlerOfTheValuesReplacesThatOfTheChart(t *testing.T) {
	t.Parallel()
	c := render(t, "--set=demo.enabled=true", "--set=livenessProbe.httpGet.path=/metrics,readinessProbe.tcpSocket.port=9824").pod(t).Spec.Containers[0]
	if get := c.LivenessProbe.HTTPGet; get == nil || get.Path != "/metrics" || get.Port.StrVal != "metrics" || c.LivenessProbe.FailureThreshold != 3 {
		t.Errorf("the liveness probe is %v", c.LivenessProbe)
	}
	if c.ReadinessProbe.HTTPGet != nil || c.ReadinessProbe.TCPSocket.Port.IntVal != 9824 {
		t.Errorf("the readiness probe is %v", c.ReadinessProbe)
	}
	if none := render(t, "--set=demo.enabled=true", "--set=livenessProbe=null").pod(t).Spec.Containers[0].LivenessProbe; none != nil {
		t.Errorf("in place of null the liveness probe is %v", none)
	}
}

func TestOnlyAChangeThatTheExporterDoesNotNoticeReplacesThePods(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		interval, change string
		replaces         bool
	}{
		"a configuration that it reads again":     {"30s", "config.defaults.cache_ttl=26s", false},
		"a configuration that it does not":        {"", "config.defaults.cache_ttl=26s", true},
		"a secret":                                {"", "secrets.team-a-token=another", false},
		"a label of a Service":                    {"", "service.labels.a=b", false},
		"a flag":                                  {"30s", "extraArgs={--log.level=debug}", true},
		"one shard more":                          {"30s", "shards=4", true},
		"a monitor, rules and dashboards":         {"", "serviceMonitor.interval=2m,prometheusRule.enabled=false,dashboards.enabled=false", false},
		"the interval at which it reads it again": {"30s", "configReloadInterval=1m", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := []string{"--values=" + chart + "/ci/shards-values.yaml", "--set=configReloadInterval=" + tt.interval}
			before, after := render(t, values...).pod(t), render(t, append(values, "--set="+tt.change)...).pod(t)
			if got := !reflect.DeepEqual(before, after); got != tt.replaces {
				t.Errorf("%s replaces the pods: %v, want %v", tt.change, got, tt.replaces)
			}
		})
	}
}

func TestAChangedConfigurationIsReadAgain(t *testing.T) {
	t.Parallel()
	configuration := func(accounts string) manifest {
		return render(t, "--set=configReloadInterval=1s", "--set=secrets.token=the-token-of-the-test",
			`--set-json=config={"accounts":[`+accounts+`]}`)
	}
	const account = `{"name":%q,"token_file":"/etc/geelark_exporter/secrets/token","base_url":"http://127.0.0.1:9"}`
	c := newCluster(t, "")
	args, env := c.pod(t, configuration(fmt.Sprintf(account, "team-a")), 0)
	_, address := serve(t, env, args...)
	watches := func(name string) bool { return strings.Contains(string(get(t, "http://"+address+"/sd")), `"`+name+`"`) }
	if !watches("team-a") {
		t.Fatal("the exporter does not watch the account")
	}
	_, _ = c.pod(t, configuration(fmt.Sprintf(account, "team-b")), 0)
	processtest.Eventually(t, "the exporter watches the new account", func() bool { return watches("team-b") && !watches("team-a") })
}
