// Package e2e runs the whole chain with the real programs: simulated accounts,
// the exporter, Prometheus and Alertmanager with the configurations and rules
// that are shipped, and a receiver of what Alertmanager sends.
package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// limit bounds the run. What takes minutes takes seconds in it: how often Prometheus
// scrapes and evaluates, how long an alert's cause must last and is remembered, and
// how soon Alertmanager notifies. Otherwise the rules are as they are shipped.
const limit = 4 * time.Minute

func TestAnIncidentIsToldAndItsEndToo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	for _, variable := range []string{"PROMETHEUS", "PROMTOOL", "ALERTMANAGER"} {
		processtest.Tool(t, variable)
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := newChain(ctx, t)

	c.isHealthy()
	stopped, expired, starting, expiring := c.alpha.phones[0], c.alpha.phones[1], c.alpha.phones[2], c.alpha.phones[3]
	deleted, omitted := c.beta.phones[0], c.beta.phones[1]
	unlock := c.gamma.api.Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeHourLimit})
	c.alpha.call(c, "phone/stop", stopped.ID)
	c.alpha.setStatus(expired.ID, statusExpired, time.Now().Add(-time.Minute))
	c.beta.api.Remove(deleted.ID)
	c.alpha.api.SetStatus(starting.ID, statusStarting)
	c.alpha.setStatus(expiring.ID, statusStarted, time.Now().Add(24*time.Hour))
	mention := c.beta.api.Inject(geelarktest.Fault{Endpoint: "phone/status", OmitIDs: []string{omitted.ID}})

	told := []notice{
		{"GeelarkApiLocked", "GeeLark has locked phone/status for account gamma", map[string]string{
			"account": "gamma", "api": "phone/status", "severity": "critical",
		}},
		phoneNotice("GeelarkPhoneExpired", "Phone %s of account alpha expired", "alpha", expired),
		phoneNotice("GeelarkPhoneStuckStarting", "Phone %s of account alpha does not finish starting", "alpha", starting),
		phoneNotice("GeelarkPhoneStopped", "Phone %s of account alpha stopped", "alpha", stopped),
		phoneNotice("GeelarkPhoneLookupFailing", "The status of phone %s of account beta cannot be read", "beta", omitted),
		{"GeelarkPhoneNotFound", "Phone " + deleted.ID + " of account beta does not exist", map[string]string{
			"account": "beta", "id": deleted.ID, "severity": "warning",
		}},
		{"GeelarkPhoneExpiring", "A phone of account alpha expires soon", map[string]string{"account": "alpha", "severity": "warning"}},
	}
	c.receiver.waitFor(c, firing, told[0])
	c.static.want(fmt.Sprintf(`count(geelark_api_requests_total{job="geelark",account="gamma",api="phone/status",outcome="%d"} > 0)`, geelark.CodeHourLimit), 1)
	c.everyRuleFinds(c.static, func(series string) bool { return !ofUsageOrTasks.MatchString(series) })
	// The exporter waits for two hours unless it is restarted, as the runbook says.
	// The other alerts are pending or firing meanwhile and must go on.
	unlock()
	c.restartExporter()
	c.receiver.waitFor(c, resolved, told[0])
	for _, n := range told[1:] {
		c.receiver.waitFor(c, firing, n)
	}

	c.alpha.call(c, "phone/start", stopped.ID)
	// Booting takes up to 90 s, which here is long enough to be stuck.
	c.alpha.api.SetStatus(stopped.ID, statusStarted)
	c.alpha.setStatus(expired.ID, statusStarted, time.Now().Add(30*24*time.Hour))
	c.alpha.setStatus(starting.ID, statusStarted, time.Now().Add(30*24*time.Hour))
	c.alpha.setStatus(expiring.ID, statusStarted, time.Now().Add(30*24*time.Hour))
	mention()
	c.beta.track(c, c.beta.phones[1:])
	for _, n := range told[1:] {
		c.receiver.waitFor(c, resolved, n)
	}
	c.receiver.toldNothingElse(c, told)
	c.rulesAreHealthy()
}

// phoneNotice is an alert about a phone.
func phoneNotice(alert, summary, account string, p geelarktest.Phone) notice {
	return notice{alert, fmt.Sprintf(summary, p.SerialName+" in group "+p.Group), map[string]string{
		"account": account, "id": p.ID, "severity": "warning",
	}}
}

// A chain is all of the programs at work.
type chain struct {
	*testing.T
	ctx context.Context
	dir string

	alpha, beta, gamma *account
	exporterBinary     string
	exporter           *processtest.Process
	gateway            *gateway
	receiver           *receiver

	// static has the configuration of one exporter and, beside its job, one for
	// each other format. accounts has that of discovered accounts. Both send to
	// the same Alertmanager, as a redundant pair does.
	static, accounts *prometheus
}

func newChain(ctx context.Context, t *testing.T) *chain {
	c := &chain{T: t, ctx: ctx, dir: t.TempDir()}
	c.alpha, c.beta, c.gamma = newAccount(c, "alpha"), newAccount(c, "beta"), newAccount(c, "gamma")
	c.beta.track(c, c.beta.phones)
	c.write("exporter.yml", fmt.Sprintf(`
defaults:
  cache_ttl: 1s
  inventory_interval: 5s
accounts:
  - {name: alpha, base_url: %q, token_env: TOKEN_ALPHA}
  - {name: beta, base_url: %q, token_env: TOKEN_BETA, phones: {ids_file: beta.txt}}
  - {name: gamma, base_url: %q, token_env: TOKEN_GAMMA}
`, c.alpha.url, c.beta.url, c.gamma.url))
	c.lookAtSources()
	c.exporterBinary = filepath.Join(c.dir, "geelark_exporter")
	if err := processtest.Build("../..", c.exporterBinary); err != nil {
		c.Fatal(err)
	}
	c.gateway = newGateway(c)
	c.startExporter()

	c.receiver = newReceiver(c)
	alertmanager := c.startAlertmanager()
	compress := []string{
		"scrape_interval: 1m", "scrape_interval: 1s",
		"scrape_timeout: 30s", "scrape_timeout: 1s",
		"evaluation_interval: 1m", "evaluation_interval: 1s",
		"localhost:9824", c.gateway.address,
		"localhost:9093", alertmanager,
		"rules/*.yml", c.quickRules(),
	}
	past := c.past()
	c.static = c.startPrometheus("static", substitute(c, c.shipped("prometheus/prometheus.yml"), compress...)+fmt.Sprintf(`
  - job_name: geelark-text
    scrape_protocols: [PrometheusText0.0.4]
    static_configs: [{targets: [%[1]q]}]
  - job_name: geelark-openmetrics
    scrape_protocols: [OpenMetricsText1.0.0]
    static_configs: [{targets: [%[1]q]}]
`, c.gateway.address), past)
	c.accounts = c.startPrometheus("accounts", substitute(c, c.shipped("prometheus/prometheus.accounts.yml"),
		append(compress, "refresh_interval: 1m", "refresh_interval: 1s")...), past)
	return c
}

// quickRules returns the shipped rules with seconds for minutes: so often a group is
// evaluated that says how often, for so long a cause
// must last, ten at least, so that a restart is shorter, and is remembered. Before that
// the rules are changed otherwise, if at all.
func (c *chain) quickRules(change ...func(rules string) string) string {
	duration := regexp.MustCompile(`(?m)^( +)(for|keep_firing_for|interval): (\d+)([mh])$`)
	files, err := filepath.Glob(c.shipped("prometheus/rules/*.yml"))
	if err != nil {
		c.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			c.Fatal(err)
		}
		text := string(b)
		for _, f := range change {
			text = f(text)
		}
		c.write(filepath.Join("rules", filepath.Base(name)), duration.ReplaceAllStringFunc(text, func(line string) string {
			m := duration.FindStringSubmatch(line)
			n, err := strconv.Atoi(m[3])
			if err != nil {
				c.Fatal(err)
			}
			if m[4] == "h" {
				n *= 60
			}
			if m[2] == "for" {
				n = max(n, 10)
			}
			return fmt.Sprintf("%s%s: %ds", m[1], m[2], n)
		}))
	}
	return filepath.Join(c.dir, "rules", "*.yml")
}

// lookAtSources lets Go's cache of test results know what the exporter is built
// of.
func (c *chain) lookAtSources() {
	if err := filepath.WalkDir("../..", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	}); err != nil {
		c.Fatal(err)
	}
}

// shipped returns the path of a file under deploy.
func (c *chain) shipped(name string) string {
	path, err := filepath.Abs(filepath.Join("..", name))
	if err != nil {
		c.Fatal(err)
	}
	return path
}

// substitute reads a shipped file with what stands for addresses, intervals and
// places of files replaced. Each must be there.
func substitute(c *chain, path string, oldnew ...string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		c.Fatal(err)
	}
	for old := range slices.Chunk(oldnew, 2) {
		if !strings.Contains(string(b), old[0]) {
			c.Fatalf("%s has no %q", path, old[0])
		}
	}
	return strings.NewReplacer(oldnew...).Replace(string(b))
}

// write makes a file in the chain's directory and returns its path.
func (c *chain) write(name, text string) string {
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.Fatal(err)
	}
	return path
}

// isHealthy waits until all targets are scraped, in all formats, and all rules
// are evaluated without an error.
func (c *chain) isHealthy() {
	total := len(c.alpha.phones) + len(c.beta.phones) + len(c.gamma.phones)
	for _, job := range []string{"geelark", "geelark-text", "geelark-openmetrics"} {
		c.static.want(`count(geelark_phone_status_code{job="`+job+`"} == 0)`, float64(total))
		c.static.want(`count(geelark_phone_info{job="`+job+`",group!=""})`, float64(total))
		c.static.want(`sum(geelark_api_request_duration_seconds_bucket{job="`+job+`",le="+Inf"} > bool 0) > bool 0`, 1)
	}
	c.static.want(`histogram_count(sum(geelark_api_request_duration_seconds{job="geelark"})) > bool 0`, 1)
	for _, format := range []string{"text/plain", "application/openmetrics-text", "application/vnd.google.protobuf"} {
		if !c.gateway.served(format) {
			c.Errorf("no scrape was answered with %s", format)
		}
	}

	for _, a := range []*account{c.alpha, c.beta, c.gamma} {
		c.accounts.want(`up{job="geelark-accounts",account="`+a.name+`"}`, 1)
		c.accounts.want(`count(geelark_phone_status_code{job="geelark-accounts",account="`+a.name+`"})`, float64(len(a.phones)))
	}
	c.accounts.want(`count(up{job="geelark-accounts"})`, 3)
	c.accounts.want(`geelark_accounts_owned{job="geelark"}`, 3)
	c.accounts.want(`count({job="geelark",account!=""}) or vector(0)`, 0)
	c.targetsAreHealthy()
	c.rulesAreHealthy()
}

func (c *chain) targetsAreHealthy() {
	for _, p := range []*prometheus{c.static, c.accounts} {
		var answer struct {
			ActiveTargets []struct{ Health, LastError, ScrapeURL string }
		}
		p.get("/api/v1/targets", &answer)
		if len(answer.ActiveTargets) < 3 {
			c.Errorf("%s has %d targets", p.name, len(answer.ActiveTargets))
		}
		for _, target := range answer.ActiveTargets {
			if target.Health != "up" {
				c.Errorf("%s: the target %s is %s: %s", p.name, target.ScrapeURL, target.Health, target.LastError)
			}
		}
	}
}

// rulesAreHealthy waits until every rule was evaluated, and fails when one failed
// then or ever.
func (c *chain) rulesAreHealthy() {
	for _, p := range []*prometheus{c.static, c.accounts} {
		c.eventually(func() string {
			for _, r := range p.rules() {
				if r.Health == "unknown" {
					return fmt.Sprintf("%s has not evaluated %s", p.name, r.Name)
				}
			}
			return ""
		})
		if n := len(p.rules()); n != len(c.shippedRules()) {
			c.Errorf("%s has %d rules, want %d", p.name, n, len(c.shippedRules()))
		}
		for _, r := range p.rules() {
			if r.Health != "ok" {
				c.Errorf("%s: %s is %s: %s", p.name, r.Name, r.Health, r.LastError)
			}
		}
		if n := p.failedEvaluations(); n > 0 {
			c.Errorf("%s: %v evaluations of rules failed", p.name, n)
		}
	}
}

type rule struct {
	Record, Alert, Expr string
	Labels              map[string]string
}

func (c *chain) shippedRules() []rule {
	var all []rule
	files, err := filepath.Glob(c.shipped("prometheus/rules/*.yml"))
	if err != nil {
		c.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			c.Fatal(err)
		}
		var file struct{ Groups []struct{ Rules []rule } }
		if err := yaml.Unmarshal(b, &file); err != nil {
			c.Fatal(err)
		}
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// ofUsageOrTasks are series of what is billed and of tasks, of which there is
// nothing in accounts in which nothing changes.
var ofUsageOrTasks = regexp.MustCompile(`geelark_(usage|tasks?)_|_with_failed_tasks$|:(usage|tasks?)_|:failing_phones$`)

// everyRuleFinds waits until recorded series and metrics that rules read exist on a
// server, of those that are asked for and that not only other trouble brings.
func (c *chain) everyRuleFinds(p *prometheus, asked func(series string) bool) {
	metric := regexp.MustCompile(`\bgeelark_[a-z_]+`)
	absent := []string{
		"geelark:api:refusals:increase10m", // of an account that is refused
		"geelark:group:stops_expected",     // of an account that is labelled so
		"geelark:group:down",
		"geelark:group:went_off",              // of groups without series of single phones
		"geelark_state_last_write_successful", // with a state directory, which would keep the lock
	}
	read := make(map[string]bool)
	for _, r := range c.shippedRules() {
		for _, m := range metric.FindAllString(r.Expr, -1) {
			if !slices.Contains(absent, m) {
				read[m] = true
			}
		}
		if r.Record != "" && !slices.Contains(absent, r.Record) {
			read[r.Record] = true
		}
	}
	for m := range read {
		if asked(m) {
			p.want("count("+m+") > bool 0", 1)
		}
	}
}

// An account is a simulated one. Nothing changes in it by itself.
type account struct {
	name, token, url string
	api              *geelarktest.Server
	phones           []geelarktest.Phone
}

// The documented statuses of a phone.
const (
	statusStarted  = 0
	statusStarting = 1
	statusExpired  = 3
)

// newAccount has twelve phones, which all run and are paid for.
func newAccount(c *chain, name string) *account {
	a := &account{name: name, token: "token-of-" + name}
	a.api = geelarktest.New(geelarktest.Config{Phones: 12, Seed: uint64(len(name)), Token: a.token, Still: true})
	a.url = c.serve(a.api)
	for _, id := range a.api.IDs() {
		a.setStatus(id, statusStarted, time.Now().Add(30*24*time.Hour))
		p, _ := a.api.Phone(id)
		a.phones = append(a.phones, p)
	}
	return a
}

func (a *account) setStatus(id string, status int, paidUntil time.Time) {
	a.api.Edit(id, func(p *geelarktest.Phone) { p.ChargeMode, p.MonthlyExpire = 1, paidUntil.Unix() })
	a.api.SetStatus(id, status)
}

// call calls an endpoint of the API for one phone, as another program would.
func (a *account) call(c *chain, endpoint, id string) {
	req, err := http.NewRequest(http.MethodPost, a.url+"/open/v1/"+endpoint, strings.NewReader(`{"ids":["`+id+`"]}`))
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("traceId", "8d0f3c0e-5f0a-4a55-9c1c-0f3d8a3a2b11")
	var answer struct {
		Code int
		Data struct{ SuccessAmount int }
	}
	c.do(req, &answer)
	if answer.Code != 0 || answer.Data.SuccessAmount != 1 {
		c.Fatalf("%s answers %+v", endpoint, answer)
	}
}

// track writes the file of the phones that the account's configuration names.
func (a *account) track(c *chain, phones []geelarktest.Phone) {
	var ids string
	for _, p := range phones {
		ids += p.ID + "\n"
	}
	c.write(a.name+".txt", ids)
}
