package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// plants are secrets and personal data, each told by where it was planted.
type plants map[string]string

// plant makes one up that nothing else holds.
func (p plants) plant(where string) string {
	p[where] = "PLANTED" + fmt.Sprintf("%03d", len(p)) + "q7Zk2XwVbN4mLr8s"
	return p[where]
}

// in returns where what a text holds was planted, in whatever form it is there.
func (p plants) in(text []byte) (where []string) {
	lower := bytes.ToLower(text)
	for name, secret := range p {
		for _, form := range []string{
			secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(secret))[:12], base64.StdEncoding.EncodeToString([]byte("x" + secret))[4:12], base64.StdEncoding.EncodeToString([]byte("xx" + secret))[4:12],
		} {
			if bytes.Contains(lower, bytes.ToLower([]byte(form))) {
				where = append(where, name)
				break
			}
		}
	}
	return where
}

// personal are the fields of answers that are not passed on: those that the vendor
// documents and some that it may add.
var personal = map[string][]string{
	"phone/list": {
		"user", "data.user", "data.items.email", "data.items.remark", "data.items.group.remark", "data.items.equipmentInfo.phoneNumber",
		"data.items.equipmentInfo.imei", "data.items.equipmentInfo.wifiBssid", "data.items.equipmentInfo.mac", "data.items.equipmentInfo.bluetoothMac",
		"data.items.equipmentInfo.deviceName", "data.items.equipmentInfo.city", "data.items.proxy.server", "data.items.proxy.username", "data.items.proxy.password",
	},
	"phone/status":               {"user", "data.user", "data.successDetails.email", "data.successDetails.ip"},
	"billing/transaction/detail": {"user", "data.user", "data.list.remark", "data.list.username"},
	"task/historyRecords":        {"user", "data.user", "data.items.planName", "data.items.serialName", "data.items.failDesc", "data.items.params"},
	"task/query":                 {"user", "data.user", "data.items.planName", "data.items.serialName", "data.items.failDesc", "data.items.params"},
	"pay/wallet":                 {"user", "data.user", "data.email", "data.card"},
	"pay/plan/info":              {"user", "data.user", "data.email", "data.card"},
}

// plantInAnswers gives every answer of an API personal data.
func (p plants) plantInAnswers(sim *geelarktest.Server, secret string) {
	for endpoint, fields := range personal {
		for _, field := range fields {
			sim.Inject(geelarktest.Fault{Endpoint: endpoint, Rewrite: geelarktest.Set(field, p.plant(endpoint+" "+field))})
		}
	}
	// The vendor echoes what it was sent.
	sim.Inject(geelarktest.Fault{
		Endpoint: "phone/status", Times: 1, Code: geelark.CodeSignature,
		Message: "no account of Bearer " + secret + " or " + base64.StdEncoding.EncodeToString([]byte(secret)),
	})
}

func TestWhatIsSecretOrPersonalGoesNowhere(t *testing.T) {
	t.Parallel()
	planted := plants{}
	tokens := map[string]string{"env": planted.plant("$TOKEN"), "file": planted.plant("the token file")}
	key := planted.plant("the API key file")
	var site geelarktest.Site
	for _, token := range []string{tokens["env"], tokens["file"], ""} {
		cfg := geelarktest.Config{Phones: 30, Seed: uint64(len(site) + 1), Token: token, Calm: true, Past: 6 * time.Hour, Usage: geelarktest.Usage{Every: 5 * time.Minute}, TasksPerDay: 96}
		if token == "" {
			cfg.AppID, cfg.APIKey = "the-app", key
		}
		sim := geelarktest.New(cfg)
		planted.plantInAnswers(sim, cmp.Or(token, key))
		site = append(site, sim)
	}
	// The API is behind a proxy that wants a password, and is told the whole address.
	user, password := planted.plant("$HTTP_PROXY's user"), planted.plant("$HTTP_PROXY's password")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Proxy-Authorization"), "Basic ") {
			http.Error(w, "no password", http.StatusProxyAuthRequired)
			return
		}
		site.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)

	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	state := filepath.Join(dir, "state")
	tokenFile, keyFile := file("token", tokens["file"]+"\n"), file("key", key+"\n")
	ids := file("ids", site[1].IDs()[0]+"\n")
	configuration := func(more string) string {
		return fmt.Sprintf(`
defaults: {base_url: "http://openapi.geelark.test", cache_ttl: 0s, timeout: 2s}
accounts:
  - {name: by-env, token_env: TOKEN}
  - {name: by-file, token_file: %s, phones: {ids_file: %s}}
  - {name: by-key, app_id: the-app, api_key_file: %s}
%s`, tokenFile, ids, keyFile, more)
	}
	config := file("config.yml", configuration(""))
	// bcrypt of "open sesame"
	web := file("web.yml", "basic_auth_users: {prometheus: "+openSesame+"}\n")
	args := []string{
		"--config.file=" + config, "--web.config.file=" + web, "--state.directory=" + state, "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle",
		"--log.level=debug", "--collector.usage", "--collector.tasks", "--usage.per-phone", "--metrics.opt-in=.*",
	}
	env := []string{
		"TOKEN=" + tokens["env"], "HTTP_PROXY=http://" + user + ":" + password + "@" + proxy.Listener.Addr().String(),
		"GEELARK_EXPORTER_TOKEN=" + planted.plant("a variable that sets nothing"),
	}
	p := start(t, env, args...)
	shown := map[string][]byte{}
	client := &http.Client{}
	guess := planted.plant("a client's wrong password")
	ask := func(method, path string, header ...string) *answer {
		t.Helper()
		r, err := http.NewRequest(method, p.url(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("prometheus", "open sesame")
		r.Header.Set("Accept-Encoding", "identity")
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		a := &answer{response.StatusCode, response.Header, decoded(t, response.Header.Get("Content-Encoding"), body)}
		shown[fmt.Sprint(method, " ", path, " ", header)] = append([]byte(fmt.Sprint(response.Header)), a.body...)
		return a
	}
	missing := func() string {
		body := string(ask(http.MethodGet, "/metrics").body)
		for _, sample := range []string{
			`geelark_collector_success{account="by-env",collector="tasks"} 1`, `geelark_collector_success{account="by-key",collector="usage"} 1`,
			`geelark_up{account="by-key"} 1`, `geelark_up{account="by-file"} 1`, `geelark_phone_info{account="by-env"`,
		} {
			if !strings.Contains(body, sample) {
				return sample
			}
		}
		if !strings.Contains(p.Stderr.String(), "no account of Bearer") {
			return "the echo of the token"
		}
		return ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), processtest.Patience)
	defer cancel()
	processtest.Until(ctx, t, missing)

	for _, accept := range []string{
		"text/plain;version=0.0.4", "text/plain;version=1.0.0;escaping=allow-utf-8", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text;version=0.0.1",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
	} {
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			ask(http.MethodGet, "/metrics", "Accept", accept, "Accept-Encoding", encoding)
		}
		ask(http.MethodGet, "/probe?account=by-key", "Accept", accept)
	}
	guessed := base64.StdEncoding.EncodeToString([]byte("prometheus:" + guess))
	for _, path := range []string{
		"/", "/?q=", "/?q=" + guess[:3], "/?account=by-env", "/?account=by-key&id=" + site[2].IDs()[0], "/config", "/sd", "/-/healthy", "/-/ready", "/nowhere",
		"/probe", "/probe?account=none", "/metrics?name[]=none", "/metrics?collect[]=none",
	} {
		ask(http.MethodGet, path)
		ask(http.MethodGet, path, "Authorization", "Basic "+guessed)
	}
	// A mistake in each file: what stands in the wrong place is not told.
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, mistake := range []string{
		"  - {name: wrong, token: " + planted.plant("a token in the configuration") + "}\n",
		"  - {name: wrong, token_env: " + planted.plant("a token in place of its variable") + "}\n",
		"  - {name: wrong, token_file: /none, base_url: 'http://user:" + planted.plant("base_url's password") + "@api.test'}\n",
		"  - {name: wrong, token_file: /none, base_url: 'user:" + planted.plant("base_url's password without a scheme") + "@api.test'}\n",
		"  - {name: wrong, app_id: x, api_key: " + planted.plant("an API key in the configuration") + "}\n",
	} {
		write(config, configuration(mistake))
		if a := ask(http.MethodPost, "/-/reload"); a.status == http.StatusOK {
			t.Errorf("taken: %s", mistake)
		}
		ask(http.MethodGet, "/")
		ask(http.MethodGet, "/config")
	}
	write(config, configuration(""))
	if a := ask(http.MethodPost, "/-/reload"); a.status != http.StatusOK {
		t.Errorf("reload: status %d: %s", a.status, a.body)
	}
	write(ids, planted.plant("a token in the ids file")+" twice\n")
	write(tokenFile, planted.plant("two tokens in the token file")+"\n"+tokens["file"]+"\n")
	processtest.Eventually(t, "the account whose files are wrong is down", func() bool {
		return strings.Contains(string(ask(http.MethodGet, "/metrics").body), `geelark_up{account="by-file"} 0`)
	})
	ask(http.MethodGet, "/")

	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Cmd.Process.Pid))
	if err != nil && !os.IsNotExist(err) { // another system than Linux
		t.Fatal(err)
	}
	shown["arguments"] = line
	p.Stop()
	shown["stdout"], shown["stderr"] = []byte(p.Stdout.String()), []byte(p.Stderr.String())
	files := 0
	if err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		shown["state file "+d.Name()] = content
		files++
		return err
	}); err != nil || files < 10 {
		t.Errorf("%d state files: %v", files, err)
	}
	for where, text := range shown {
		for _, from := range planted.in(text) {
			t.Errorf("%s has what was planted in %s", where, from)
		}
	}
	// What the search must find is there.
	for _, want := range []string{"<secret>", "40003", "by-env"} {
		if !bytes.Contains(shown["stderr"], []byte(want)) {
			t.Errorf("the log has no %s", want)
		}
	}
	if !bytes.Contains(shown["state file phones.by-env"], []byte(site[0].IDs()[0])) {
		t.Error("no phone is found in the state")
	}
}

// openSesame is bcrypt of "open sesame".
const openSesame = "$2a$04$F60itI9ryAFTqOUDs/AfHOpZ3vHhoRdeWUXlEAr1cOSickoVHkNZi"

func decoded(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "zstd":
		r, err = zstd.NewReader(bytes.NewReader(body))
	default:
		return body
	}
	if err == nil {
		body, err = io.ReadAll(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestNoErrorAtTheStartRepeatsASecret(t *testing.T) {
	t.Parallel()
	planted := plants{}
	secret := planted.plant("what was given")
	for name, tt := range map[string]struct {
		env  []string
		args []string
		says string
	}{
		"a token as an argument":           {nil, []string{secret}, "--help"},
		"a token as a flag":                {nil, []string{"--geelark.token=" + secret}, "--geelark.token-file"},
		"a token as a flag and its value":  {nil, []string{"--geelark.token", secret}, "--geelark.token-file"},
		"a token in place of its file":     {nil, []string{"--geelark.token-file=" + secret}, "looks like a secret"},
		"a base URL with a password":       {[]string{"GEELARK_TOKEN=x"}, []string{"--geelark.base-url=https://u:" + secret + "@api.test"}, "--geelark.base-url"},
		"a base URL without a scheme":      {[]string{"GEELARK_TOKEN=x"}, []string{"--geelark.base-url=u:" + secret + "@api.test"}, "--geelark.base-url"},
		"a proxy that is none":             {[]string{"GEELARK_TOKEN=x", "HTTPS_PROXY=u:" + secret + "@proxy.test:x"}, nil, "$HTTPS_PROXY"},
		"a token of several lines":         {[]string{"GEELARK_TOKEN=" + secret + "\nmore"}, nil, "several lines"},
		"a token and a key":                {[]string{"GEELARK_TOKEN=" + secret, "GEELARK_API_KEY=" + secret}, []string{"--geelark.app-id=x"}, "both"},
		"an external URL with a password":  {[]string{"GEELARK_TOKEN=x"}, []string{"--web.external-url=http://u:" + secret + "@mon.test"}, "--web.external-url"},
		"a password that is no bcrypt":     {[]string{"GEELARK_TOKEN=x"}, []string{"--web.config.file=" + write(t, "web.yml", "basic_auth_users: {u: "+secret+"}\n")}, "--web.config.file"},
		"a token among the ids":            {[]string{"GEELARK_TOKEN=x"}, []string{"--phone.ids-file=" + write(t, "ids", secret+" "+secret+"\n")}, "--phone.ids-file"},
		"a configuration that holds one":   {nil, []string{"--config.file=" + write(t, "c.yml", "accounts: [{name: a, token: "+secret+"}]\n")}, "token_file"},
		"a configuration that is only one": {nil, []string{"--config.file=" + write(t, "c.yml", secret+"\n")}, "c.yml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startCommand(t, exec.Command(os.Args[0], tt.args...), tt.env)
			if code := p.ExitCode(); code != 1 {
				t.Errorf("exit code %d", code)
			}
			said := p.Stdout.String() + p.Stderr.String()
			if !strings.Contains(said, tt.says) {
				t.Errorf("%q has no %q", said, tt.says)
			}
			if len(planted.in([]byte(said))) > 0 {
				t.Errorf("told: %s", said)
			}
		})
	}
}
