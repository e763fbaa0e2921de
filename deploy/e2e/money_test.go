package e2e

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// speed is how much faster time passes for the accounts and the exporter than for
// Prometheus: an hour in half a minute. The program itself takes its time from the
// machine, so the exporter is in this process.
const speed = 120

// TestWhatIsSpentAndWhatFailsIsTold has accounts that are billed and run tasks, and
// one trouble in each.
func TestWhatIsSpentAndWhatFailsIsTold(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute and a half")
	}
	for _, variable := range []string{"PROMETHEUS", "PROMTOOL", "ALERTMANAGER"} {
		processtest.Tool(t, variable)
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := &chain{T: t, ctx: ctx, dir: t.TempDir()}
	began := time.Now()
	now := func() time.Time { return began.Add(speed * time.Since(began)) }

	accounts := make(map[string]*geelarktest.Server)
	var configs []watch.AccountConfig
	for i, name := range []string{"proxies", "blocked", "broke", "devices", "calm"} {
		usage := geelarktest.Usage{Every: time.Minute, Price: 10_000, DailyCap: -1}
		tasks := 24.0
		switch name {
		case "devices":
			usage.DailyCap = 200_000
		case "calm":
			tasks = 4
		}
		api := geelarktest.New(geelarktest.Config{
			Phones: 60, Seed: uint64(i), Token: name, Now: now, Calm: name != "devices", Past: 3 * time.Hour, Usage: usage, TasksPerDay: tasks,
		})
		for _, id := range api.IDs() {
			api.Edit(id, func(p *geelarktest.Phone) { p.ChargeMode, p.MonthlyExpire = 0, 0 })
		}
		b := api.Billing()
		b.Balance, b.GiftMoney, b.AvailableTimeAddOn, b.Parallels = 5000, 0, 100, 5
		if name == "calm" {
			b.Parallels = 100
		}
		api.SetBilling(b)
		accounts[name] = api
		configs = append(configs, watch.AccountConfig{
			Name: name, Credentials: geelark.Credentials{Token: geelark.Secret(name)}, BaseURL: c.serve(api),
			Timeout: 5 * time.Second, Concurrency: 4, Limits: geelark.Limits{PerMinute: 150, PerHour: 18000, Share: 1},
			InventoryInterval: time.Minute, BillingInterval: 2 * time.Minute, CacheTTL: time.Minute, MaxStaleness: time.Hour,
		})
	}
	counters := collector.NewCounters()
	w, err := watch.New(configs, watch.Options{Now: now, UserAgent: "test", Collectors: watch.Collectors(), Observer: counters})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	exporter := httptest.NewServer(collector.New(w, counters, collector.Options{}).Handler(collector.HandlerOptions{}))
	t.Cleanup(exporter.Close)

	c.receiver = newReceiver(c)
	p := c.startPrometheus("money", substitute(c, c.shipped("prometheus/prometheus.yml"),
		"scrape_interval: 1m", "scrape_interval: 2s",
		"scrape_timeout: 30s", "scrape_timeout: 2s",
		"evaluation_interval: 1m", "evaluation_interval: 1s",
		"localhost:9824", strings.TrimPrefix(exporter.URL, "http://"),
		"localhost:9093", c.startAlertmanager(),
		"rules/*.yml", c.quickRules(hoursAreShort, withNumbers("phones_beyond_parallels 5", "daily_cap_seconds 60")),
	), spentBefore(map[string]float64{"blocked": 0.0001, "broke": 0.001}))

	// Counting begins before the troubles do.
	p.want(`count(geelark_usage_cost_total{charge_type="balance"} > 0) > bool 4`, 1)
	p.want(`count(sum by (account) (geelark_tasks_finished_total) > 0)`, 5)
	accounts["proxies"].SetTrouble(geelarktest.Trouble{Proxies: true})
	accounts["blocked"].SetTrouble(geelarktest.Trouble{App: true})
	accounts["devices"].SetTrouble(geelarktest.Trouble{Devices: true})
	funds := accounts["broke"].Billing()
	empty := funds
	empty.Balance, empty.GiftMoney, empty.AvailableTimeAddOn = 0, 0, 0
	accounts["broke"].SetBilling(empty)

	ofCause := func(account, cause string) told {
		return told{
			"GeelarkTasksFailingForOneCause",
			map[string]string{"account": account, "cause": cause, "severity": "warning"},
			`^Tasks of [1-6]\d phones of account ` + account + ` fail: ` + strings.ReplaceAll(cause, "_", " ") + `$`,
			`^Within the last hour tasks of [1-6]\d phones of account ` + account + ` failed for one cause, ` + strings.ReplaceAll(cause, "_", " ") + `\.$`,
		}
	}
	of := func(alert, account, severity, summary, description string) told {
		return told{alert, map[string]string{"account": account, "severity": severity}, summary, description}
	}
	proxies, low := ofCause("proxies", "proxy"), of("GeelarkBalanceLow", "broke", "warning",
		`^The balance of account broke is low$`, `^Account broke has -?0\.\d\d left to spend: 0 minutes of time add-ons, 0\.00 gifted, a balance of -?0\.\d\d\. `)
	for _, a := range []told{
		proxies, low, ofCause("blocked", "account_blocked"), ofCause("broke", "balance"),
		of("GeelarkBalanceEndsToday", "broke", "critical", `^No phone of account broke can start$`, `^Account broke has spent `),
		of("GeelarkSpendingHigh", "blocked", "warning", `^Account blocked spends \d+\.\d\d an hour$`, `^Within the last hour account blocked spent \d+\.\d\d, and 0\.36 is usual\.$`),
		of("GeelarkTasksOverdue", "devices", "warning", `^\d+ tasks of account devices are overdue$`, `^\d+ tasks of account devices have waited for more than ten minutes `),
		of("GeelarkDailyCapReached", "devices", "info", `^Phones of account devices have reached their daily cap$`, `^Within an hour phones of account devices were used for .+ beyond their daily cap\. `),
		of("GeelarkParallelsExceeded", "blocked", "warning", `^\d+ phones of account blocked beyond the plan's parallels are open$`, `^For ten minutes \d+ phones more of account blocked have been open `),
	} {
		c.receiver.waitForText(c, firing, a)
	}
	// Nobody is told of this one, since the cause is.
	failing := of("GeelarkTasksFailing", "blocked", "warning", `^\d+(\.\d+)?% of the tasks of account blocked fail$`,
		`^Within an hour \d+(\.\d+)?% of the tasks of account blocked failed, which is more than usual\. The most frequent codes:( \d+ \(\d+\))* 20136 \(\d+\)`)
	c.eventually(func() string { return p.says(failing) })
	c.everyRuleFinds(p, ofUsageOrTasks.MatchString)
	p.want(`count(abs(geelark:account:minute_price - 0.01) < 1e-6)`, 5)

	accounts["proxies"].SetTrouble()
	accounts["broke"].SetBilling(funds)
	c.receiver.waitForText(c, resolved, low)
	c.receiver.waitForText(c, resolved, proxies)
	for k := range c.receiver.told() {
		if strings.Contains(k, "account:calm") && regexp.MustCompile("^Geelark(Tasks|Balance|Spending|DailyCap|Parallels)").MatchString(k) {
			t.Errorf("%s was told of an account without trouble", k)
		}
	}
	for _, r := range p.rules() {
		if r.Health != "ok" {
			t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
		}
	}
}

// hoursAreShort has rules look at counters over an hour of the accounts' time.
func hoursAreShort(rules string) string {
	return regexp.MustCompile(`((?:rate|increase)\([^\[\]]*)\[1h\]`).ReplaceAllString(rules, fmt.Sprintf("$1[%ds]", time.Hour/time.Second/speed))
}

// withNumbers sets numbers to compare with, of lines of a name and a number.
func withNumbers(numbers ...string) func(string) string {
	return func(rules string) string {
		for _, n := range numbers {
			name, value, _ := strings.Cut(n, " ")
			rules = regexp.MustCompile(`\S+ # `+name+`\n`).ReplaceAllString(rules, value+" # "+name+"\n")
		}
		return rules
	}
}

// spentBefore is a day and more in which accounts spent so much a second.
func spentBefore(spending map[string]float64) string {
	var past strings.Builder
	past.WriteString("# TYPE geelark:account:usage_spending gauge\n")
	now := time.Now()
	for account, s := range spending {
		for ago := 26 * time.Hour; ago > 5*time.Minute; ago -= 5 * time.Minute {
			fmt.Fprintf(&past, "geelark:account:usage_spending{account=%q} %f %d\n", account, s, now.Add(-ago).Unix())
		}
	}
	return past.String()
}

// told is an alert as a person reads it. Its texts are patterns.
type told struct {
	alert                string
	labels               map[string]string
	summary, description string
}

// matches reports what is wrong with an alert's texts.
func (a told) matches(texts map[string]string) string {
	for name, pattern := range map[string]string{"summary": a.summary, "description": a.description} {
		if !regexp.MustCompile(pattern).MatchString(texts[name]) {
			return fmt.Sprintf("%s has the %s %q, want %q", a.alert, name, texts[name], pattern)
		}
	}
	return ""
}

// waitForText waits until the webhook and the chat are told of an alert.
func (r *receiver) waitForText(c *chain, status string, a told) {
	c.Helper()
	line := regexp.MustCompile("(?m)" + a.summary)
	c.eventually(func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		k := key(a.alert, a.labels)
		if h := r.history[k]; len(h) == 0 || h[len(h)-1] != status {
			return fmt.Sprintf("%s has not come as %s; what came: %v", k, status, r.history)
		}
		if wrong := a.matches(r.texts[k]); wrong != "" {
			c.Fatal(wrong)
		}
		if !slices.ContainsFunc(r.chat, func(m string) bool {
			firingPart, resolvedPart, _ := strings.Cut(m, "Resolved")
			return line.MatchString(map[string]string{firing: firingPart, resolved: resolvedPart}[status])
		}) {
			return fmt.Sprintf("no %q as %s in the chat:\n%s", a.summary, status, strings.Join(r.chat, "\n"))
		}
		return ""
	})
}

// told returns what has come.
func (r *receiver) told() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history
}

// says returns what is wrong with an alert that is to fire.
func (p *prometheus) says(a told) string {
	p.c.Helper()
	var answer struct {
		Alerts []struct {
			State               string
			Labels, Annotations map[string]string
		}
	}
	p.get("/api/v1/alerts", &answer)
	for _, firing := range answer.Alerts {
		if firing.State == "firing" && key(firing.Labels["alertname"], firing.Labels) == key(a.alert, a.labels) {
			return a.matches(firing.Annotations)
		}
	}
	return fmt.Sprintf("%s does not fire", key(a.alert, a.labels))
}
