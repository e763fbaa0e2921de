package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"geelark_exporter/deploy/processtest"
)

// start starts a program that ends with the test at the latest, and waits for
// the address that it logs.
func (c *chain) start(env []string, program string, args ...string) (p *processtest.Process, address string) {
	c.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	p = processtest.Start(c, cmd)
	return p, p.Address()
}

// run runs a program to its end.
func (c *chain) run(cmd *exec.Cmd) {
	c.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// serve serves until the test ends.
func (c *chain) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	c.Cleanup(server.Close)
	return server.URL
}

// eventually waits until wrong returns nothing, for as long as the chain lasts.
func (c *chain) eventually(wrong func() string) {
	c.Helper()
	processtest.Until(c.ctx, c, wrong)
}

// do makes a request and decodes the answer.
func (c *chain) do(req *http.Request, into any) {
	c.Helper()
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		c.Fatalf("%s: %s: %v", req.URL, resp.Status, err)
	}
}

func (c *chain) startExporter() {
	var env []string
	for _, a := range []*account{c.alpha, c.beta, c.gamma} {
		env = append(env, "TOKEN_"+strings.ToUpper(a.name)+"="+a.token)
	}
	var address string
	c.exporter, address = c.start(env, c.exporterBinary, "--config.file="+filepath.Join(c.dir, "exporter.yml"), "--web.listen-address=127.0.0.1:0")
	c.gateway.exporter.Store(address)
}

func (c *chain) restartExporter() {
	c.exporter.Stop()
	c.startExporter()
}

// A gateway is the address of the exporter, which is another after each start.
// It keeps the formats of what passed.
type gateway struct {
	address  string
	exporter atomic.Value // string

	mu      sync.Mutex
	formats map[string]bool
}

func newGateway(c *chain) *gateway {
	g := &gateway{formats: make(map[string]bool)}
	g.exporter.Store("")
	u := c.serve(&httputil.ReverseProxy{
		// The exporter tells by Host how it is reached.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", g.exporter.Load().(string)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			format, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
			g.mu.Lock()
			defer g.mu.Unlock()
			g.formats[format] = true
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	g.address = strings.TrimPrefix(u, "http://")
	return g
}

func (g *gateway) served(format string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.formats[format]
}

func (c *chain) startAlertmanager() (address string) {
	chat := c.write("slack-webhook-url", c.receiver.url+"/chat")
	config := c.write("alertmanager.yml", substitute(c, c.shipped("alertmanager/alertmanager.yml"),
		"http://localhost:8080/geelark-alerts", c.receiver.url+"/webhook",
		"/etc/alertmanager/secrets/slack-webhook-url", chat,
		"smtp.example.com:587", "127.0.0.1:9", // nobody listens: mail is not part of this
		"group_wait: 30s", "group_wait: 1s",
		"group_interval: 1m", "group_interval: 1s",
		"group_interval: 15m", "group_interval: 1s",
	))
	_, address = c.start(nil, os.Getenv("ALERTMANAGER"), "--config.file="+config, "--storage.path="+filepath.Join(c.dir, "alertmanager"),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	return address
}

type prometheus struct {
	c         *chain
	name, url string
}

// startPrometheus starts a server that has a past, in the text of OpenMetrics.
func (c *chain) startPrometheus(name, config, past string) *prometheus {
	data := filepath.Join(c.dir, name)
	c.run(exec.CommandContext(c.ctx, os.Getenv("PROMTOOL"), "tsdb", "create-blocks-from", "openmetrics",
		c.write("past.om", past+"# EOF\n"), data))
	_, address := c.start(nil, os.Getenv("PROMETHEUS"), "--config.file="+c.write(name+".yml", config), "--storage.tsdb.path="+data,
		"--web.listen-address=127.0.0.1:0")
	c.eventually(func() string {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return err.Error()
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return name + " is not ready: " + resp.Status
		}
		return ""
	})
	return &prometheus{c, name, "http://" + address}
}

// past is the last day of what alpha has left to spend: the one rule that needs more
// past than the test lasts.
func (c *chain) past() string {
	var credit, spending strings.Builder
	credit.WriteString("# TYPE geelark:account:credit gauge\n")
	spending.WriteString("# TYPE geelark:account:spending gauge\n")
	now, balance := time.Now(), c.alpha.api.Billing().Balance
	for ago := 24 * time.Hour; ago > 5*time.Minute; ago -= 5 * time.Minute {
		fmt.Fprintf(&credit, "geelark:account:credit{account=\"alpha\"} %f %d\n", balance+ago.Hours(), now.Add(-ago).Unix())
		fmt.Fprintf(&spending, "geelark:account:spending{account=\"alpha\"} %f %d\n", 1.0/3600, now.Add(-ago).Unix())
	}
	return credit.String() + spending.String()
}

// get asks the server's API.
func (p *prometheus) get(path string, into any) {
	p.c.Helper()
	req, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	if err != nil {
		p.c.Fatal(err)
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	p.c.do(req, &answer)
	if answer.Status != "success" {
		p.c.Fatalf("%s answers %s to %s", p.name, answer.Error, path)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		p.c.Fatal(err)
	}
}

// want waits until a query has one sample, with this value.
func (p *prometheus) want(query string, value float64) {
	p.c.Helper()
	p.c.eventually(func() string {
		var answer struct {
			Result []struct{ Value [2]any }
		}
		p.get("/api/v1/query?query="+url.QueryEscape(query), &answer)
		if len(answer.Result) == 1 {
			if text, ok := answer.Result[0].Value[1].(string); ok && text == strconv.FormatFloat(value, 'f', -1, 64) {
				return ""
			}
		}
		return fmt.Sprintf("%s: %s is %v, want %v", p.name, query, answer.Result, value)
	})
}

// failedEvaluations is how often a rule failed since the server's start.
func (p *prometheus) failedEvaluations() (sum float64) {
	p.c.Helper()
	resp, err := http.Get(p.url + "/metrics")
	if err != nil {
		p.c.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		p.c.Fatal(err)
	}
	const name = "prometheus_rule_evaluation_failures_total"
	if len(families[name].GetMetric()) == 0 {
		p.c.Fatalf("%s does not expose %s", p.name, name)
	}
	for _, m := range families[name].GetMetric() {
		sum += m.GetCounter().GetValue()
	}
	return sum
}

type evaluated struct{ Name, Health, LastError string }

func (p *prometheus) rules() []evaluated {
	p.c.Helper()
	var answer struct {
		Groups []struct{ Rules []evaluated }
	}
	p.get("/api/v1/rules", &answer)
	var all []evaluated
	for _, g := range answer.Groups {
		all = append(all, g.Rules...)
	}
	return all
}
