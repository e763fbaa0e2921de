package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	webflag "github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"geelark_exporter/collector"
	"geelark_exporter/collector/config"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/regular"
)

// flags are the command line's.
type flags struct {
	app   *kingpin.Application
	typed map[string]bool // the flags on the command line

	configFile     string
	file           *config.File // nil: none
	configCheck    bool
	reloadInterval time.Duration
	ask            bool

	account    watch.AccountConfig
	tokenFile  string
	appID      string
	apiKeyFile string

	collectors map[string]*bool
	usagePhone bool
	optIn      []string
	exclude    []string
	shard      watch.Shard
	stateDir   string

	demo              bool
	demoPhones        int
	demoListenAddress string

	telemetryPath          string
	timeoutOffset          time.Duration
	maxRequests            int
	disableExporterMetrics bool
	externalURL            string
	routePrefix            string
	enableLifecycle        bool
	web                    *web.FlagConfig

	logLevel  string
	logFormat string
}

func newApp() (*kingpin.Application, *flags) {
	app := kingpin.New(program, "Exposes the status of GeeLark cloud phones to Prometheus. Secrets are given in files or in the environment, never as arguments, which others can see.").DefaultEnvars()
	app.UsageWriter(os.Stdout)
	app.Version(version.Print(program))
	app.VersionFlag.NoEnvar()
	app.HelpFlag.Short('h').NoEnvar()
	f := addFlags(app)
	app.PreAction(f.remember)
	return app, f
}

func addFlags(app *kingpin.Application) *flags {
	f := &flags{app: app, account: watch.DefaultAccountConfig(), collectors: make(map[string]*bool)}
	a := &f.account
	app.Flag("config.file", "YAML file of the accounts to watch, instead of the flags that name one account. The other flags below are what it does not say.").StringVar(&f.configFile)
	app.Flag("config.check", "Check the configuration without asking GeeLark, and exit.").BoolVar(&f.configCheck)
	app.Flag("check", "Ask GeeLark whether the accounts work, with one request for each where that tells enough, say what came of it, and exit, with 0 when all of them work.").BoolVar(&f.ask)

	app.Flag("config.reload-interval", "How often to look whether the configuration file has changed, and to reload it then. 0s: only when told to.").Default("0s").DurationVar(&f.reloadInterval)

	app.Flag("account.name", "Name of the account, which becomes the label account: two exporters of an account each must not both say default.").Default("default").StringVar(&a.Name)
	app.Flag("geelark.token-file", "File with the API token, read again before every request. The token itself can be given in $GEELARK_TOKEN.").Envar("GEELARK_TOKEN_FILE").StringVar(&f.tokenFile)
	app.Flag("geelark.app-id", "Team app id, for authentication by key instead of token.").Envar("GEELARK_APP_ID").StringVar(&f.appID)
	app.Flag("geelark.api-key-file", "File with the team API key, read again before every request. The key itself can be given in $GEELARK_API_KEY.").Envar("GEELARK_API_KEY_FILE").StringVar(&f.apiKeyFile)
	app.Flag("phone.id", "Ids of phones to track, with commas between them. Repeatable. Without this flag and --phone.ids-file, all phones of the account are tracked.").SetValue((*idList)(&a.IDs))
	app.Flag("phone.ids-file", "File with ids of phones to track: one a line, # begins a comment. A regular file, read again at each scrape.").StringVar(&a.IDsFile)
	for _, s := range a.Settings() {
		flag := app.Flag(s.Flag, s.Help+" Must "+s.Must+".")
		if s.Field == "base_url" {
			flag.Envar("GEELARK_BASE_URL")
		}
		switch to := s.Value.(type) {
		case *string:
			flag.Default(*to).StringVar(to)
		case *int:
			flag.Default(strconv.Itoa(*to)).IntVar(to)
		case *time.Duration:
			flag.Default(model.Duration(*to).String()).DurationVar(to)
		}
	}

	for _, c := range [][2]string{
		{watch.CollectorStatus, "Poll the status of each phone (phone/status)."},
		{watch.CollectorInventory, "Read names, groups, tags and subscriptions of phones (phone/list)."},
		{watch.CollectorBilling, "Read wallet and plan (pay/wallet, pay/plan/info)."},
		{watch.CollectorUsage, "Add up what phones use and pay (billing/transaction/detail, up to 30 requests a minute). On with --demo."},
		{watch.CollectorTasks, "Follow automation tasks (task/historyRecords, task/query, up to 20 requests a minute). On with --demo."},
	} {
		on := slices.Contains(watch.DefaultCollectors(), c[0])
		f.collectors[c[0]] = app.Flag("collector."+c[0], c[1]).Default(strconv.FormatBool(on)).Bool()
	}
	app.Flag("usage.per-phone", "Expose what each phone uses and pays too, two series a phone. On with --demo.").BoolVar(&f.usagePhone)
	app.Flag("metrics.opt-in", "Expose metric families too that are off by default and whose whole name matches this pattern (RE2): "+strings.Join(collector.OptInFamilies(), ", ")+". Repeatable.").StringsVar(&f.optIn)
	app.Flag("metrics.exclude", "Leave out metric families whose whole name matches this pattern (RE2). Repeatable.").StringsVar(&f.exclude)
	app.Flag("state.directory", "Directory for what must outlive the process: what was spent of the API's limits, pauses, and what is known of phones, usage and tasks. Each exporter needs its own. Without one, nothing is kept, and for its first minute the exporter spends only what the vendor allows above --geelark.requests-per-minute, since it cannot know what was spent before. By default the one that systemd gives in $STATE_DIRECTORY.").StringVar(&f.stateDir)
	app.Flag("shard", "Index of this exporter, from 0, among --total-shards that share the accounts of one configuration file.").Default("0").IntVar(&f.shard.Index)
	app.Flag("total-shards", "Exporters that share the accounts of one configuration file.").Default("1").IntVar(&f.shard.Total)

	app.Flag("demo", "Run a simulated GeeLark in the process and watch it: no account and no network needed.").BoolVar(&f.demo)
	app.Flag("demo.phones", "Phones of the simulated GeeLark.").Default("250").IntVar(&f.demoPhones)
	app.Flag("demo.listen-address", "Address of the simulated GeeLark.").Default("127.0.0.1:0").StringVar(&f.demoListenAddress)

	app.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&f.telemetryPath)
	app.Flag("web.timeout-offset", "What a scrape keeps of its timeout for its answer.").Default("500ms").DurationVar(&f.timeoutOffset)
	app.Flag("web.max-requests", "Most scrapes at a time, by all paths together, 0 for no limit.").Default("40").IntVar(&f.maxRequests)
	app.Flag("web.disable-exporter-metrics", "Leave out metrics about the exporter itself (promhttp_*, process_*, go_*).").BoolVar(&f.disableExporterMetrics)
	app.Flag("web.external-url", "URL under which the exporter can be reached from outside, such as by a reverse proxy. Its path begins all paths of the exporter. Without it, service discovery names the host that it was asked by.").StringVar(&f.externalURL)
	app.Flag("web.route-prefix", "What begins all paths of the exporter, when that is not the path of --web.external-url: / for a proxy that takes the path away.").StringVar(&f.routePrefix)
	app.Flag("web.enable-lifecycle", "Reload the configuration on POST /-/reload.").BoolVar(&f.enableLifecycle)
	f.web = webflag.AddFlags(app, defaultAddress)

	app.Flag("log.level", "Least severity of what is logged: debug, info, warn or error.").Default("info").EnumVar(&f.logLevel, "debug", "info", "warn", "error")
	app.Flag("log.format", "Format of the log: logfmt or json.").Default("logfmt").EnumVar(&f.logFormat, "logfmt", "json")
	return f
}

// check returns an error for the first flag whose value is out of range or that
// does not go with another.
func (f *flags) check() error {
	for _, c := range []struct {
		ok   bool
		flag string
		must string
		is   any
	}{
		{f.shard.Total >= 1, "total-shards", "be above zero", f.shard.Total},
		{f.shard.Index >= 0 && f.shard.Index < f.shard.Total, "shard", "be from 0 and below --total-shards", f.shard.Index},
		{f.demoPhones >= 0 && f.demoPhones <= 1_000_000, "demo.phones", "be 0 to 1000000", f.demoPhones},
		{f.timeoutOffset >= 0, "web.timeout-offset", "not be negative", f.timeoutOffset},
		{f.reloadInterval >= 0, "config.reload-interval", "not be negative", f.reloadInterval},
		{f.maxRequests >= 0, "web.max-requests", "not be negative", f.maxRequests},
		{
			isRoute(f.telemetryPath) && !strings.HasPrefix(f.telemetryPath, "/-/") && !slices.Contains([]string{probePath, discoveryPath, configPath}, f.telemetryPath),
			"web.telemetry-path", "be a clean path that begins with /, not with /-/, is none of " + probePath + ", " + discoveryPath + " and " + configPath + ", and holds none of {}?#% or a space", f.telemetryPath,
		},
	} {
		if !c.ok {
			return fmt.Errorf("--%s must %s, is %v", c.flag, c.must, c.is)
		}
	}
	for _, c := range []struct {
		flag  string
		wrong bool
		why   string
	}{
		{"demo", f.configFile != "", besideFile},
		{"account.name", f.configFile != "", besideFile},
		{"geelark.token-file", f.configFile != "", besideFile},
		{"geelark.app-id", f.configFile != "", besideFile},
		{"geelark.api-key-file", f.configFile != "", besideFile},
		{"phone.id", f.configFile != "", besideFile},
		{"phone.ids-file", f.configFile != "", besideFile},
		{"total-shards", f.configFile == "" && f.shard.Total > 1, "shares the accounts of a configuration file: give --config.file or drop it"},
		{"config.reload-interval", f.configFile == "" && f.reloadInterval > 0, "is how often a configuration file is read again: give --config.file or drop it"},
		{"geelark.base-url", f.demo, besideDemo},
		{"geelark.token-file", f.demo, besideDemo},
		{"geelark.app-id", f.demo, besideDemo},
		{"geelark.api-key-file", f.demo, besideDemo},
		{"demo.phones", !f.demo, withoutDemo},
		{"demo.listen-address", !f.demo, withoutDemo},
		{"usage.per-phone", f.usagePhone && !f.has(watch.CollectorUsage), "has nothing to expose: give --collector.usage or drop it"},
	} {
		if c.wrong && f.isSet(c.flag) {
			return fmt.Errorf("--%s %s", c.flag, c.why)
		}
	}
	if _, err := f.site(); err != nil {
		return err
	}
	if file := *f.web.WebConfigFile; file != "" { // reading another kind of file could hang
		if _, err := regular.Read(context.Background(), file, 1<<20); err != nil {
			return fmt.Errorf("--web.config.file: %w", err)
		}
	}
	if err := web.Validate(*f.web.WebConfigFile); err != nil {
		// An error in YAML takes several lines.
		return fmt.Errorf("--web.config.file: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	if err := geelark.CheckProxy(os.Getenv); err != nil {
		return err
	}
	base := f.account
	if f.configFile != "" && base.MaxStaleness > 0 {
		base.MaxStaleness = max(base.MaxStaleness, base.CacheTTL) // the file can say otherwise
	}
	return f.naming(base.Validate())
}

// What flags say that do not go with others.
const (
	besideFile  = "does not go with --config.file, which names the accounts and their phones: drop one of them"
	besideDemo  = "does not go with --demo, which has an account of its own: drop one of them"
	withoutDemo = "is of the simulated GeeLark: give --demo or drop it"
)

// isSet reports whether the user has given a flag, and not to switch something off.
func (f *flags) isSet(flag string) bool {
	v := f.app.GetFlag(flag).Model()
	return f.given(flag) && v.Value.String() != "" && v.Value.String() != "false"
}

// has reports whether a collector is switched on.
func (f *flags) has(collector string) bool {
	return *f.collectors[collector] || f.demo && !f.given("collector."+collector)
}

// naming names the flag in an error about a field that it has set.
func (f *flags) naming(err error) error {
	fe, ok := errors.AsType[*watch.FieldError](err)
	if !ok {
		return err
	}
	field, index, _ := strings.Cut(fe.Field, "[")
	if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); err == nil && field == "phones.ids" {
		return fmt.Errorf("%s %.80q %w", nameOf(field), f.account.IDs[i], fe.Err)
	}
	return fmt.Errorf("%s %w", nameOf(field), fe.Err)
}

// accounts returns what to watch.
func (f *flags) accounts() ([]watch.AccountConfig, error) {
	if f.configFile != "" {
		accounts, err := f.file.Load()
		if _, unread := errors.AsType[*config.ReadError](err); unread {
			err = fmt.Errorf("--config.file: %w", err)
		}
		return accounts, err
	}
	a := f.account
	if a.Credentials == nil { // --demo has its own
		source, err := config.Credentials(context.Background(), os.Getenv, f.tokenFile, f.appID, f.apiKeyFile)
		if err != nil {
			return nil, err
		}
		a.Credentials = source
	}
	return []watch.AccountConfig{a}, nil
}

// An idList is a flag's value of ids, which can be given together and one by one.
type idList []string

func (l *idList) Set(ids string) error {
	for id := range strings.SplitSeq(ids, ",") {
		*l = append(*l, strings.TrimSpace(id))
	}
	return nil
}

func (l *idList) String() string { return strings.Join(*l, ",") }

// IsCumulative tells kingpin that the flag can be repeated.
func (l *idList) IsCumulative() bool { return true }
