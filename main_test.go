package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark/geelarktest"
)

const apiKey = "the-key-of-the-test"

const scrapeTimeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds"

func TestABadConfigurationEndsWithOneLineThatNamesTheFlag(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	ids := write(t, "ids", "1\n2 3\n")
	empty := write(t, "empty", "\n")
	secret := write(t, "secret", apiKey)
	missing := filepath.Join(t.TempDir(), "missing")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	withToken := []string{"GEELARK_TOKEN=" + token}

	for name, tt := range map[string]struct {
		env  []string
		args []string
		want []string
	}{
		"no credentials":                {nil, nil, []string{"no credentials", "set $GEELARK_TOKEN or --geelark.token-file", "--demo needs none"}},
		"token file that is missing":    {nil, []string{"--geelark.token-file=" + missing}, []string{"--geelark.token-file", missing, "no such file"}},
		"token file that is empty":      {nil, []string{"--geelark.token-file=" + empty}, []string{"--geelark.token-file", empty, "must hold the secret"}},
		"token and token file":          {withToken, []string{"--geelark.token-file=" + secret}, []string{"--geelark.token-file", "must stand alone"}},
		"token and app id":              {withToken, []string{"--geelark.app-id=a"}, []string{"credentials", "give one of them"}},
		"app id without a key":          {nil, []string{"--geelark.app-id=a"}, []string{"an app id is given without an API key"}},
		"key without an app id":         {[]string{"GEELARK_API_KEY=" + apiKey}, nil, []string{"an API key is given without an app id"}},
		"key file without an app id":    {nil, []string{"--geelark.api-key-file=" + secret}, []string{"--geelark.api-key-file goes with --geelark.app-id"}},
		"key file and key":              {[]string{"GEELARK_API_KEY=" + apiKey}, []string{"--geelark.app-id=a", "--geelark.api-key-file=" + secret}, []string{"--geelark.api-key-file", "neither $GEELARK_API_KEY"}},
		"key file that is missing":      {nil, []string{"--geelark.app-id=a", "--geelark.api-key-file=" + missing}, []string{"--geelark.api-key-file", missing}},
		"both kinds of files":           {nil, []string{"--geelark.token-file=" + secret, "--geelark.api-key-file=" + secret}, []string{"--geelark.token-file must stand alone"}},
		"token with white space":        {[]string{"GEELARK_TOKEN=a b"}, nil, []string{"$GEELARK_TOKEN holds blanks"}},
		"token in quotes":               {[]string{`GEELARK_TOKEN="` + token + `"`}, nil, []string{"$GEELARK_TOKEN stands in quotes"}},
		"key in quotes":                 {[]string{"GEELARK_API_KEY='" + apiKey + "'"}, []string{"--geelark.app-id=a"}, []string{"$GEELARK_API_KEY stands in quotes"}},
		"app id with white space":       {[]string{"GEELARK_API_KEY=" + apiKey}, []string{"--geelark.app-id=a b"}, []string{"--geelark.app-id holds blanks"}},
		"name with white space":         {withToken, []string{"--account.name=a b"}, []string{"--account.name must be of letters"}},
		"name beside a file":            {nil, []string{"--config.file=" + missing, "--account.name=a"}, []string{"--account.name does not go with --config.file"}},
		"negative interval":             {nil, []string{"--config.file=" + missing, "--config.reload-interval=-1m"}, []string{"--config.reload-interval must not be negative"}},
		"flag that is mistyped":         {withToken, []string{"--cache.tll=1s"}, []string{"unknown long flag '--cache.tll'", "did you mean --cache.ttl?"}},
		"switch that is mistyped":       {withToken, []string{"--no-colector.status"}, []string{"did you mean --no-collector.status?"}},
		"id list with nothing in it":    {append(withToken, "GEELARK_EXPORTER_PHONE_ID=1,,2"), nil, []string{"$GEELARK_EXPORTER_PHONE_ID", "must not be empty"}},
		"token file that is a pipe":     {nil, []string{"--geelark.token-file=" + pipe}, []string{"--geelark.token-file", pipe, "not a regular file"}},
		"ids file that is a pipe":       {withToken, []string{"--phone.ids-file=" + pipe}, []string{"--phone.ids-file", pipe, "not a regular file"}},
		"configuration that is a pipe":  {nil, []string{"--config.file=" + pipe}, []string{pipe, "not a regular file"}},
		"web configuration in a pipe":   {withToken, []string{"--web.config.file=" + pipe}, []string{"--web.config.file", pipe, "not a regular file"}},
		"base URL without a scheme":     {withToken, []string{"--geelark.base-url=example.org"}, []string{"--geelark.base-url", "must look like https://"}},
		"base URL with a password":      {withToken, []string{"--geelark.base-url=https://u:" + apiKey + "@example.org"}, []string{"--geelark.base-url", "must not hold credentials"}},
		"timeout of zero":               {withToken, []string{"--geelark.timeout=0s"}, []string{"--geelark.timeout must be above zero"}},
		"timeout that is no duration":   {withToken, []string{"--geelark.timeout=soon"}, []string{"--geelark.timeout must be a duration such as 30s, 5m or 1h30m", `is "soon"`, "--help"}},
		"duration in the environment":   {append(withToken, "GEELARK_EXPORTER_CACHE_TTL=soon"), nil, []string{"$GEELARK_EXPORTER_CACHE_TTL must be a duration such as", `is "soon"`}},
		"concurrency of zero":           {withToken, []string{"--geelark.concurrency=0"}, []string{"--geelark.concurrency must be 1 to 200"}},
		"minute above the vendor's":     {withToken, []string{"--geelark.requests-per-minute=201"}, []string{"--geelark.requests-per-minute must be 1 to 200, the vendor's limit"}},
		"hour above the vendor's":       {withToken, []string{"--geelark.requests-per-hour=24001"}, []string{"--geelark.requests-per-hour must be 1 to 24000, the vendor's limit"}},
		"id that is empty":              {withToken, []string{"--phone.id="}, []string{"--phone.id", "must not be empty"}},
		"id with white space":           {withToken, []string{"--phone.id=1 2"}, []string{`--phone.id "1 2" is not valid`, "has a blank"}},
		"ids file that is missing":      {withToken, []string{"--phone.ids-file=" + missing}, []string{"--phone.ids-file", missing, "no such file"}},
		"ids file with a bad line":      {withToken, []string{"--phone.ids-file=" + ids}, []string{"--phone.ids-file", ids + ":2:", "one id a line"}},
		"discovery of zero":             {withToken, []string{"--inventory.interval=0s"}, []string{"--inventory.interval must be above zero"}},
		"negative ttl":                  {withToken, []string{"--cache.ttl=-1s"}, []string{"--cache.ttl must not be negative"}},
		"staleness of zero":             {withToken, []string{"--cache.max-staleness=0s"}, []string{"--cache.max-staleness must be above zero"}},
		"demo of fewer than no phone":   {nil, []string{"--demo", "--demo.phones=-1"}, []string{"--demo.phones must be 0 to 1000000"}},
		"demo at a taken address":       {nil, []string{"--demo", "--demo.listen-address=" + taken.Addr().String()}, []string{"--demo.listen-address", "address already in use"}},
		"path without a slash":          {withToken, []string{"--web.telemetry-path=metrics"}, []string{"--web.telemetry-path must be a clean path that begins with /"}},
		"path that is taken":            {withToken, []string{"--web.telemetry-path=/-/healthy"}, []string{"--web.telemetry-path must be a clean path that begins with /, not with /-/"}},
		"path that is not clean":        {withToken, []string{"--web.telemetry-path=//metrics"}, []string{"--web.telemetry-path must be a clean path"}},
		"path with dots":                {withToken, []string{"--web.telemetry-path=/a/../metrics"}, []string{"--web.telemetry-path must be a clean path"}},
		"path with a slash behind":      {withToken, []string{"--web.telemetry-path=/metrics/"}, []string{"--web.telemetry-path must be a clean path"}},
		"external URL without scheme":   {withToken, []string{"--web.external-url=mon.test:9824/x"}, []string{"--web.external-url must look like https://host/path"}},
		"external URL with password":    {withToken, []string{"--web.external-url=https://u:" + apiKey + "@mon.test"}, []string{"--web.external-url must look like"}},
		"route prefix not clean":        {withToken, []string{"--web.route-prefix=/a/../b"}, []string{"--web.route-prefix must have a clean path"}},
		"path of a page":                {withToken, []string{"--web.telemetry-path=/config"}, []string{"--web.telemetry-path must be a clean path that begins with /", "is none of /probe, /sd and /config"}},
		"negative offset":               {withToken, []string{"--web.timeout-offset=-1s"}, []string{"--web.timeout-offset must not be negative"}},
		"negative number of scrapes":    {withToken, []string{"--web.max-requests=-1"}, []string{"--web.max-requests must not be negative"}},
		"web configuration missing":     {withToken, []string{"--web.config.file=" + missing}, []string{"--web.config.file", missing, "no such file"}},
		"web configuration broken":      {withToken, []string{"--web.config.file=" + write(t, "web.yml", "tls: 1\n")}, []string{"--web.config.file", "not found in type"}},
		"address that is taken":         {withToken, []string{"--log.level=error", "--web.listen-address=" + taken.Addr().String()}, []string{"--web.listen-address", "address already in use"}},
		"address without a port":        {withToken, []string{"--log.level=error", "--web.listen-address=localhost"}, []string{"--web.listen-address", "missing port"}},
		"level that is unknown":         {withToken, []string{"--log.level=loud"}, []string{"--log.level", "must be one of debug,info,warn,error"}},
		"format that is unknown":        {withToken, []string{"--log.format=xml"}, []string{"--log.format", "must be one of logfmt,json"}},
		"shards without a file":         {withToken, []string{"--total-shards=2"}, []string{"--total-shards", "give --config.file or drop it"}},
		"shard of no shards":            {withToken, []string{"--total-shards=0"}, []string{"--total-shards must be above zero"}},
		"shard out of range":            {withToken, []string{"--total-shards=2", "--shard=2"}, []string{"--shard must be from 0 and below --total-shards"}},
		"phone beside a file":           {nil, []string{"--config.file=" + missing, "--phone.id=1"}, []string{"--phone.id does not go with --config.file"}},
		"configuration file missing":    {nil, []string{"--config.file=" + missing}, []string{"--config.file: ", missing, "no such file"}},
		"configuration file broken":     {nil, []string{"--config.file=" + write(t, "accounts.yml", "accounts: 1\n")}, []string{"accounts.yml:1: accounts must be"}},
		"proxy that cannot be parsed":   {append(withToken, "HTTPS_PROXY=http://user:"+apiKey+"%zz@host:1"), nil, []string{"$HTTPS_PROXY is not a proxy's address"}},
		"ttl beside a file":             {nil, []string{"--config.file=" + missing, "--cache.ttl=-1s"}, []string{"--cache.ttl must not be negative"}},
		"pattern that is none":          {withToken, []string{"--metrics.exclude=("}, []string{"--metrics.exclude: ", "is not a pattern"}},
		"no collector":                  {withToken, []string{"--no-collector.status", "--no-collector.inventory", "--no-collector.billing"}, []string{"all collectors are switched off", "--collector."}},
		"billing too often":             {withToken, []string{"--billing.interval=1m"}, []string{"--billing.interval must be at least 2m0s"}},
		"flag that is unknown":          {withToken, []string{"--geelark.token=" + token}, []string{"unknown long flag '--geelark.token'", "--help"}},
		"duration without a unit":       {withToken, []string{"--cache.ttl=5"}, []string{"--cache.ttl must be a duration such as 30s, 5m or 1h30m", `is "5"`}},
		"number that is none":           {append(withToken, "GEELARK_EXPORTER_GEELARK_CONCURRENCY=x"), nil, []string{"$GEELARK_EXPORTER_GEELARK_CONCURRENCY must be a number", `is "x"`}},
		"switch that is no boolean":     {append(withToken, "GEELARK_EXPORTER_COLLECTOR_USAGE=yes"), nil, []string{"$GEELARK_EXPORTER_COLLECTOR_USAGE must be true or false", `is "yes"`}},
		"switch with a value":           {withToken, []string{"--collector.usage=yes"}, []string{"--collector.usage takes no value", "write --collector.usage or --no-collector.usage"}},
		"token file in the environment": {[]string{"GEELARK_TOKEN_FILE=" + missing}, nil, []string{"error: $GEELARK_TOKEN_FILE: ", missing, "no such file"}},
		"file in the environment":       {[]string{"GEELARK_EXPORTER_CONFIG_FILE=" + missing}, nil, []string{"error: $GEELARK_EXPORTER_CONFIG_FILE: ", missing}},
		"ttl in the environment":        {append(withToken, "GEELARK_EXPORTER_CACHE_TTL=-1s"), nil, []string{"error: $GEELARK_EXPORTER_CACHE_TTL must not be negative"}},
		"flag before the environment":   {append(withToken, "GEELARK_EXPORTER_CACHE_TTL=1s"), []string{"--cache.ttl=-1s"}, []string{"error: --cache.ttl must not be negative"}},
		"ids in the environment":        {append(withToken, "GEELARK_EXPORTER_PHONE_ID=1,a b"), nil, []string{`error: $GEELARK_EXPORTER_PHONE_ID "a b" is not valid`}},
		"usage of phones without any":   {withToken, []string{"--usage.per-phone"}, []string{"--usage.per-phone", "give --collector.usage or drop it"}},
		"usage switched off in a demo":  {nil, []string{"--demo", "--usage.per-phone", "--no-collector.usage"}, []string{"--usage.per-phone", "give --collector.usage or drop it"}},
		"reloads without a file":        {withToken, []string{"--config.reload-interval=1m"}, []string{"--config.reload-interval", "give --config.file or drop it"}},
		"share of nothing":              {withToken, []string{"--geelark.limit-share=0"}, []string{"--geelark.limit-share must be 1 to 20, is 0"}},
		"staleness below the ttl":       {withToken, []string{"--cache.ttl=1h"}, []string{"--cache.max-staleness must be at least the cache's ttl, 1h0m0s", "is 10m0s"}},
		"phones of a demo without it":   {withToken, []string{"--demo.phones=3"}, []string{"--demo.phones", "give --demo or drop it"}},
		"address of a demo without it":  {withToken, []string{"--demo.listen-address=127.0.0.1:1"}, []string{"--demo.listen-address", "give --demo or drop it"}},
		"base URL beside a demo":        {nil, []string{"--demo", "--geelark.base-url=http://x.test"}, []string{"--geelark.base-url does not go with --demo"}},
		"token file beside a demo":      {nil, []string{"--demo", "--geelark.token-file=" + secret}, []string{"--geelark.token-file does not go with --demo"}},
		"argument":                      {withToken, []string{"serve"}, []string{"an argument that belongs to no flag", "--help"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, tt.env, tt.args...)
			if c := p.ExitCode(); c != 1 {
				t.Errorf("exit code %d, want 1", c)
			}
			line := p.Stderr.String()
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
				t.Errorf("want one line on stderr, got %q", line)
			}
			if out := p.Stdout.String(); out != "" {
				t.Errorf("wrote %q to stdout", out)
			}
			for _, want := range tt.want {
				if !strings.Contains(line, want) {
					t.Errorf("%q does not say %q", line, want)
				}
			}
			for _, secret := range []string{token, apiKey} {
				if strings.Contains(line, secret) {
					t.Errorf("%q tells a secret", line)
				}
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for args, wants := range map[string][]string{
		"--help":    {"usage: geelark_exporter", "--geelark.token-file", "$GEELARK_TOKEN", "--web.listen-address"},
		"-h":        {"usage: geelark_exporter"},
		"--version": {"geelark_exporter, version", "go version:"},
	} {
		p := start(t, nil, args)
		if c := p.ExitCode(); c != 0 {
			t.Errorf("%s: exit code %d, want 0", args, c)
		}
		for _, want := range wants {
			if !strings.Contains(p.Stdout.String(), want) {
				t.Errorf("%s does not print %q", args, want)
			}
		}
		if e := p.Stderr.String(); e != "" {
			t.Errorf("%s writes %q to stderr", args, e)
		}
	}
}

func TestTheFirstScrapeOfADemoHasTheWholeFleet(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--demo", "--web.listen-address=127.0.0.1:0")
	f := p.scrape()
	byStatus := f.values("geelark_phones", "status")
	if want := []string{"expired", "shut_down", "started", "starting"}; !slices.Equal(slices.Sorted(maps.Keys(byStatus)), want) {
		t.Errorf("statuses %v, want %v", byStatus, want)
	}
	total := 0.0
	for _, n := range byStatus {
		total += n
	}
	if total != 250 || f.value("geelark_phones_tracked") != 250 || f.sum("geelark_phones_unobserved") != 0 {
		t.Errorf("%v phones by status, %v tracked, %v unobserved; want 250, 250 and 0",
			total, f.value("geelark_phones_tracked"), f.sum("geelark_phones_unobserved"))
	}
	if up := f.value("geelark_up"); up != 1 {
		t.Errorf("geelark_up is %v, want 1", up)
	}
	if n, off := len(f["geelark_phone_status_code"].GetMetric()), f["geelark_phone_status"]; n != 250 || off != nil {
		t.Errorf("%d series of geelark_phone_status_code, want 250, and none of the state set: %v", n, off)
	}
	p.Stop()
}

func TestPromtoolAcceptsTheDemo(t *testing.T) {
	t.Parallel()
	body := demo(t).get("/metrics").body
	promtool(t, bytes.NewReader(body), "check", "metrics")
}

// promtool runs the tool that make installs. Without make the test is skipped.
func promtool(t *testing.T, stdin io.Reader, args ...string) {
	t.Helper()
	cmd := exec.Command(processtest.Tool(t, "PROMTOOL"), args...)
	cmd.Stdin = stdin
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	type page struct {
		path   string
		status int
		holds  string
	}
	for name, tt := range map[string]struct {
		args  []string
		pages []page
	}{
		"by default": {nil, []page{
			{"/", 200, `href="./metrics"`},
			{"/", 200, "phones"},
			{"/?q=", 200, "phones"},
			{"/config", 200, "token: &lt;secret&gt;"},
			{"/-/healthy", 200, "OK"},
			{"/-/ready", 200, "OK"},
			{"/metrics", 200, "geelark_up"},
			{"/metrics/", 404, ""},
			{"/-/", 404, ""},
			{"/debug/pprof/", 404, ""},
			{"/favicon.ico", 404, ""},
		}},
		"with another telemetry path": {[]string{"--web.telemetry-path=/geelark"}, []page{
			{"/", 200, `href="./geelark"`},
			{"/geelark", 200, "geelark_up"},
			{"/metrics", 404, ""},
		}},
		"with the root as telemetry path": {[]string{"--web.telemetry-path=/"}, []page{
			{"/", 200, "geelark_up"},
			{"/-/healthy", 200, "OK"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := demo(t, tt.args...)
			for _, page := range tt.pages {
				if a := p.get(page.path); a.status != page.status || !bytes.Contains(a.body, []byte(page.holds)) {
					t.Errorf("%s: status %d and %q, want %d and %q in it", page.path, a.status, a.body, page.status, page.holds)
				}
			}
		})
	}
}

func TestThePagesForPeopleAreOnlyRead(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for _, path := range []string{"/", "/config"} {
		for method, want := range map[string]int{
			http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodPut: 405, http.MethodDelete: 405,
		} {
			request, err := http.NewRequest(method, p.url(path), nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s %s: status %d, want %d", method, path, response.StatusCode, want)
			}
		}
	}
}

func TestExporterMetricsCanBeLeftOut(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]bool{"--no-web.disable-exporter-metrics": true, "--web.disable-exporter-metrics": false} {
		p := demo(t, args)
		p.scrape()
		f := p.scrape()
		for _, family := range []string{"go_goroutines", "process_open_fds", "promhttp_metric_handler_requests_total", "promhttp_metric_handler_errors_total"} {
			if _, got := f[family]; got != want {
				t.Errorf("%s: %s is there: %t, want %t", args, family, got, want)
			}
		}
		for _, family := range []string{"geelark_up", "geelark_exporter_build_info"} {
			if f[family] == nil {
				t.Errorf("%s: %s is not there", args, family)
			}
		}
	}
}

func TestEveryLineOfTheLogHasItsFormat(t *testing.T) {
	t.Parallel()
	for format, ok := range map[string]func(line string) bool{
		"json": func(line string) bool {
			var entry struct{ Level, Msg string }
			return json.Unmarshal([]byte(line), &entry) == nil && entry.Level != "" && entry.Msg != ""
		},
		"logfmt": func(line string) bool {
			return strings.HasPrefix(line, "level=") && strings.Contains(line, " msg=")
		},
	} {
		p := demo(t, "--log.format="+format)
		p.scrape()
		p.Stop()
		for line := range strings.Lines(p.Stderr.String()) {
			if !ok(line) {
				t.Errorf("%s: %q", format, line)
			}
		}
	}
}

func TestEveryExpositionAndEncodingTellsTheSame(t *testing.T) {
	t.Parallel()
	_, url := simulate(t, 3)
	// In OpenMetrics client_golang's own go_memstats_alloc_bytes_total clashes
	// with its go_memstats_alloc_bytes. The plan cannot be read in an exporter's
	// first minute.
	p := exporterOf(t, url, "--web.disable-exporter-metrics", "--no-collector.billing")
	p.scrape()
	shapes := map[string]map[string]int{}
	for format, accept := range map[string]expfmt.Format{
		"text":        expfmt.FmtText,
		"OpenMetrics": expfmt.FmtOpenMetrics_1_0_0,
		"protobuf":    expfmt.FmtProtoDelim,
	} {
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			a := p.get("/metrics", "Accept", string(accept), "Accept-Encoding", encoding)
			if got := cmp.Or(a.header.Get("Content-Encoding"), "identity"); got != encoding {
				t.Errorf("%s: got %s, want %s", format, got, encoding)
			}
			if got := expfmt.ResponseFormat(a.header).FormatType(); got != accept.FormatType() {
				t.Errorf("asked for %s, got %s", format, a.header.Get("Content-Type"))
			}
			f := parseFamilies(t, a.header, decompress(t, encoding, a.body))
			shapes[format+" "+encoding] = shape(f)
			histogram := f["geelark_api_request_duration_seconds"].GetMetric()[0].GetHistogram()
			if len(histogram.GetBucket()) == 0 {
				t.Errorf("%s: no classic buckets", format)
			}
			if native := histogram.Schema != nil && len(histogram.GetPositiveSpan()) > 0; native != (format == "protobuf") {
				t.Errorf("%s: native histogram: %t", format, native)
			}
		}
	}
	want := shapes["text identity"]
	for name, got := range shapes {
		if !maps.Equal(got, want) {
			t.Errorf("%s:\n%v\nwant\n%v", name, got, want)
		}
	}
}

// shape is the number of series by name and type of their family.
func shape(f families) map[string]int {
	s := map[string]int{}
	for name, family := range f {
		// OpenMetrics names a family of counters without the suffix.
		if family.GetType() == dto.MetricType_COUNTER {
			name = strings.TrimSuffix(name, "_total")
		}
		s[name+" "+family.GetType().String()] = len(family.GetMetric())
	}
	return s
}

func decompress(t *testing.T, encoding string, body []byte) io.Reader {
	t.Helper()
	r := io.Reader(bytes.NewReader(body))
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestServesOnSeveralAddresses(t *testing.T) {
	t.Parallel()
	p := demo(t, "--web.listen-address=127.0.0.1:0")
	for _, address := range p.Addresses(2) {
		a, err := get(http.DefaultClient, "http://"+address+"/-/ready")
		if err != nil || a.status != http.StatusOK {
			t.Errorf("%s: %v, %v", address, a, err)
		}
	}
	p.Stop()
}

func TestTLSAndBasicAuthentication(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := newCertificate(t, dir)
	config := `
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
basic_auth_users:
  prometheus: ` + openSesame + "\n"
	file := filepath.Join(dir, "web.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := demo(t, "--web.config.file="+file)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for userinfo, want := range map[string]int{
		"prometheus:open%20sesame@": http.StatusOK,
		"prometheus:guess@":         http.StatusUnauthorized,
		"":                          http.StatusUnauthorized,
	} {
		a, err := get(client, "https://"+userinfo+p.Addresses(1)[0]+"/metrics")
		if err != nil {
			t.Fatal(err)
		}
		if a.status != want {
			t.Errorf("%q: status %d, want %d", userinfo, a.status, want)
		}
		if want != http.StatusOK && bytes.Contains(a.body, []byte("geelark_")) {
			t.Errorf("%q: got metrics", userinfo)
		}
	}
	if a := p.get("/metrics"); a.status != http.StatusBadRequest {
		t.Errorf("without TLS: status %d, want %d", a.status, http.StatusBadRequest)
	}
}

// newCertificate makes cert.pem and key.pem for 127.0.0.1.
func newCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "test"},
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: certificate},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: private},
	} {
		text := pem.EncodeToMemory(block)
		pool.AppendCertsFromPEM(text)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

func TestServesOnASocketOfSystemd(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// LISTEN_PID must be the exporter's own, as systemd sets it.
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", os.Args[0], "--demo", "--web.systemd-socket")
	cmd.ExtraFiles = []*os.File{file}
	p := startCommand(t, cmd, []string{"LISTEN_FDS=1"})
	if got := p.Addresses(1)[0]; got != listener.Addr().String() {
		t.Errorf("listens on %s, want %s", got, listener.Addr())
	}
	p.scrape()
	p.Stop()
}

func TestASignalLetsTheScrapeInFlightFinish(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			api, url := simulate(t, 1)
			api.Inject(geelarktest.Fault{Endpoint: "phone/status", Hang: true})
			p := exporterOf(t, url, "--phone.id="+api.IDs()[0], "--geelark.timeout=1m")
			scrape := inBackground(p, "3")
			processtest.Eventually(t, "the poll", func() bool { return api.Requests("phone/status") > 0 })
			p.Signal(signal)
			processtest.Eventually(t, "the stop", func() bool { return strings.Contains(p.Stderr.String(), "Stopping") })
			if a := <-scrape; a == nil || a.status != http.StatusOK || !bytes.Contains(a.body, []byte("geelark_up")) {
				t.Errorf("the scrape in flight got %v", a)
			}
			if c := p.ExitCode(); c != 0 {
				t.Errorf("exit code %d, want 0", c)
			}
		})
	}
}

func TestASecondSignalDoesNotWait(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 1)
	api.Inject(geelarktest.Fault{Hang: true})
	p := exporterOf(t, url, "--geelark.timeout=1h")
	scrape := inBackground(p, "3600")
	processtest.Eventually(t, "the listing", func() bool { return api.Requests("phone/list") > 0 })
	p.Signal(syscall.SIGTERM)
	processtest.Eventually(t, "the stop", func() bool { return strings.Contains(p.Stderr.String(), "Stopping") })
	p.Signal(syscall.SIGTERM)
	if p.ExitCode(); p.Cmd.ProcessState.Success() {
		t.Error("ended as if nothing had been cut off")
	}
	if a := <-scrape; a != nil {
		t.Errorf("the scrape in flight got %v", a)
	}
}

// inBackground scrapes and sends the answer, nil for none.
func inBackground(p *process, timeout string) <-chan *answer {
	p.t.Helper()
	url := p.url("/metrics")
	c := make(chan *answer, 1)
	go func() {
		a, err := get(http.DefaultClient, url, scrapeTimeoutHeader, timeout)
		if err != nil {
			a = nil
		}
		c <- a
	}()
	return c
}

func TestAScrapeAnswersBeforeItsTimeoutWhenTheAPIHangs(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 1)
	api.Inject(geelarktest.Fault{Hang: true})
	p := exporterOf(t, url, "--geelark.timeout=1h")
	p.Addresses(1)
	began := time.Now()
	f := p.scrape(scrapeTimeoutHeader, "1")
	// The default timeout would take 9.5 s.
	if took := time.Since(began); took < 100*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %s, want about half a second", took)
	}
	if up := f.value("geelark_up"); up != 0 {
		t.Errorf("geelark_up is %v, want 0", up)
	}
	p.Stop()
}

func TestMoreScrapesAtATimeThanAllowedAreTurnedAway(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 1)
	resume := api.Inject(geelarktest.Fault{Hang: true, Endpoint: "phone/list"})
	p := exporterOf(t, url, "--web.max-requests=1", "--geelark.timeout=1h")
	first := inBackground(p, "5")
	processtest.Eventually(t, "the listing", func() bool { return api.Requests("phone/list") > 0 })
	if a := p.get("/metrics"); a.status != http.StatusServiceUnavailable || !bytes.Contains(a.body, []byte("--web.max-requests")) {
		t.Errorf("status %d and %q, want %d and what to do", a.status, a.body, http.StatusServiceUnavailable)
	}
	if a := p.get("/-/healthy"); a.status != http.StatusOK {
		t.Errorf("/-/healthy: status %d", a.status)
	}
	resume()
	if a := <-first; a == nil || a.status != http.StatusOK {
		t.Errorf("the first scrape got %v", a)
	}
	p.scrape(scrapeTimeoutHeader, "1")
}

func TestTracksThePhonesThatAreGiven(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 5)
	ids := api.IDs()
	file := write(t, "ids", "# two phones\n"+ids[1]+"\n"+ids[2]+" # by name\n")
	p := exporterOf(t, url, "--phone.id="+ids[0], "--phone.ids-file="+file, "--no-collector.inventory")
	tracked := func() []string {
		return slices.Sorted(maps.Keys(p.scrape().values("geelark_phone_status_code", "id")))
	}
	if got, want := tracked(), slices.Sorted(slices.Values(ids[:3])); !slices.Equal(got, want) {
		t.Errorf("tracks %v, want %v", got, want)
	}
	if err := os.WriteFile(file, []byte(ids[3]+"\nnot an id\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := tracked(), slices.Sorted(slices.Values(ids[:3])); !slices.Equal(got, want) {
		t.Errorf("tracks %v after an error in the file, want %v", got, want)
	}
	processtest.Eventually(t, "the file and line in the log", func() bool { return strings.Contains(p.Stderr.String(), file+":2") })
	if err := os.WriteFile(file, []byte(ids[3]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values([]string{ids[0], ids[3]}))
	processtest.Eventually(t, "the change of the file", func() bool { return slices.Equal(tracked(), want) })
	if n := api.Requests("phone/list"); n != 0 {
		t.Errorf("listed the phones %d times, want never", n)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	for mode, tt := range map[string]struct {
		env  []string
		args []string
	}{
		"token":      {env: []string{"GEELARK_TOKEN=" + token}},
		"token file": {args: []string{"--geelark.token-file=" + write(t, "token", token)}},
		"key":        {env: []string{"GEELARK_API_KEY=" + apiKey}, args: []string{"--geelark.app-id=the-app"}},
		"key file":   {args: []string{"--geelark.app-id=the-app", "--geelark.api-key-file=" + write(t, "key", apiKey)}},
	} {
		for _, refused := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s refused %t", mode, refused), func(t *testing.T) {
				t.Parallel()
				api, url := simulate(t, 20)
				secrets := append(api.Secrets(), token, apiKey)
				if refused {
					api.SetCredentials("", "", "")
				}
				p := start(t, tt.env, append([]string{
					"--log.level=debug", "--geelark.base-url=" + url, "--web.listen-address=127.0.0.1:0", "--web.max-requests=1",
				}, tt.args...)...)
				up := 1.0
				if refused {
					up = 0
				}
				if got := p.scrape().value("geelark_up"); got != up {
					t.Errorf("geelark_up is %v, want %v", got, up)
				}
				said := map[string]string{}
				for _, path := range []string{"/metrics", "/", "/-/healthy", "/-/ready", "/nowhere"} {
					a := p.get(path)
					said[path] = fmt.Sprint(a.header) + string(a.body)
				}
				p.Stop()
				said["stdout"], said["stderr"] = p.Stdout.String(), p.Stderr.String()
				if refused != strings.Contains(said["stderr"], "40003") {
					t.Errorf("the log on a refusal: %s", said["stderr"])
				}
				for where, text := range said {
					for _, secret := range secrets {
						if strings.Contains(text, secret) {
							t.Errorf("%s tells %q", where, secret)
						}
					}
				}
			})
		}
	}
}

func TestARotatedTokenIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 2)
	file := write(t, "token", token)
	p := start(t, nil, "--geelark.token-file="+file, "--geelark.base-url="+url, "--web.listen-address=127.0.0.1:0", "--cache.ttl=0s")
	if up := p.scrape().value("geelark_up"); up != 1 {
		t.Fatalf("geelark_up is %v, want 1", up)
	}
	api.SetCredentials("another", "", "")
	processtest.Eventually(t, "the refusal", func() bool { return p.scrape().value("geelark_up") == 0 })
	if err := os.WriteFile(file, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	processtest.Eventually(t, "the new token", func() bool { return p.scrape().value("geelark_up") == 1 })
}

// What a file says counts before it is known whether the flags go together.
func TestAFileCanSayAStalenessThatGoesWithTheFlagOfTheTTL(t *testing.T) {
	t.Parallel()
	file := write(t, "accounts.yml", "accounts:\n- {name: a, token_env: TOKEN, max_staleness: 2h}\n")
	p := start(t, []string{"TOKEN=" + token}, "--config.file="+file, "--cache.ttl=1h", "--config.check")
	if code := p.ExitCode(); code != 0 {
		t.Errorf("it ends with %d: %s", code, &p.Stderr)
	}
}

func TestAPatternThatMatchesNoFamilyIsWarnedOf(t *testing.T) {
	t.Parallel()
	p := demo(t, "--metrics.exclude=geelark_phone_rpa_runned", "--metrics.exclude=nothing_like_any", "--metrics.exclude=go_.*|process_.*",
		"--metrics.exclude=promhttp_.*", "--metrics.exclude=geelark_phone_status", "--metrics.exclude=geelark_api_requests_total", "--metrics.exclude=geelark_task_duration_seconds")
	p.Addresses(1)
	log := p.Stderr.String()
	const msg = "A pattern matches no metric family"
	if strings.Count(log, msg) != 2 ||
		!strings.Contains(log, `pattern=geelark_phone_rpa_runned did_you_mean=geelark_phone_rpa_running`) || !strings.Contains(log, "pattern=nothing_like_any\n") {
		t.Errorf("logged %s", log)
	}
}

func TestThePageTellsThatTheStateCannotBeWritten(t *testing.T) {
	t.Parallel()
	const dir = "/proc/self" // where not even root can make a file
	p := demo(t, "--state.directory="+dir)
	processtest.Eventually(t, "the failure", func() bool { return p.scrape().value("geelark_state_last_write_successful") == 0 })
	if page := string(p.get("/").body); !strings.Contains(page, "The state cannot be written") || !strings.Contains(page, dir) {
		t.Errorf("the page does not say so: %s", page)
	}
}

func TestFlagsThatExcludeEachOtherAlwaysSayTheSame(t *testing.T) {
	t.Parallel()
	args := []string{"--config.file=x", "--demo", "--geelark.token-file=x", "--geelark.app-id=x", "--geelark.api-key-file=x", "--phone.id=1", "--phone.ids-file=x"}
	for range 20 {
		app, f := newApp()
		if err := parse(app, args); err != nil {
			t.Fatal(err)
		}
		if err := f.check(); err == nil || !strings.HasPrefix(err.Error(), "--demo does not go") {
			t.Fatalf("got %v", err)
		}
	}
}

func TestAVariableThatSetsNothingIsWarnedOf(t *testing.T) {
	t.Parallel()
	app, _ := newApp()
	if err := parse(app, nil); err != nil {
		t.Fatal(err)
	}
	for variable, want := range map[string]string{
		"GEELARK_EXPORTER_CACHE_TTL=1s":                             "",
		"GEELARK_EXPORTER_CACHE_TLL=" + token:                       "$GEELARK_EXPORTER_CACHE_TLL sets nothing: did you mean $GEELARK_EXPORTER_CACHE_TTL?",
		"GEELARK_EXPORTER_TOKEN=" + token:                           "$GEELARK_EXPORTER_TOKEN sets nothing: did you mean $GEELARK_TOKEN?",
		"GEELARK_EXPORTER_API_KEY=" + token:                         "$GEELARK_EXPORTER_API_KEY sets nothing: did you mean $GEELARK_API_KEY?",
		"GEELARK_EXPORTER_BASE_URL=x":                               "$GEELARK_EXPORTER_BASE_URL sets nothing: did you mean $GEELARK_BASE_URL?",
		"GEELARK_EXPORTER_GEELARK_TOKEN_FILE=x":                     "$GEELARK_EXPORTER_GEELARK_TOKEN_FILE sets nothing: did you mean $GEELARK_TOKEN_FILE?",
		"GEELARK_EXPORTER_WEB_ENABLE_LIFECYLE=1":                    "$GEELARK_EXPORTER_WEB_ENABLE_LIFECYLE sets nothing: did you mean $GEELARK_EXPORTER_WEB_ENABLE_LIFECYCLE?",
		"GEELARK_EXPORTER_NOTHING_LIKE_ANY=1":                       "$GEELARK_EXPORTER_NOTHING_LIKE_ANY sets nothing",
		"GEELARK_EXPORTER_PORT=tcp://10.0.0.1:9824":                 "",
		"GEELARK_EXPORTER_SERVICE_HOST=10.0.0.1":                    "",
		"GEELARK_EXPORTER_SERVICE_PORT_HTTP=9824":                   "",
		"GEELARK_EXPORTER_PORT_9824_TCP_ADDR=10.0.0.1":              "",
		"GEELARK_EXPORTER_TEAM_A_PORT_9824_TCP=tcp://10.0.0.1:9824": "",
		"GEELARK_EXPORTER_TEAM_A_SERVICE_PORT=9824":                 "",
		"GEELARK_TOKEN=" + token:                                    "",
		"OTHER=1":                                                   "",
	} {
		if got := strings.Join(unknownVariables(app, []string{variable}), "\n"); got != want {
			t.Errorf("%s: %q, want %q", variable, got, want)
		}
	}
	p := start(t, []string{"GEELARK_EXPORTER_CACHE_TLL=1s"}, "--demo", "--demo.phones=1", "--web.listen-address=127.0.0.1:0")
	p.Address()
	if !strings.Contains(p.Stderr.String(), "$GEELARK_EXPORTER_CACHE_TTL?") {
		t.Errorf("logged %s", &p.Stderr)
	}
}

func TestIDsCanBeListedWithCommas(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 5)
	ids := api.IDs()
	p := start(t, []string{"GEELARK_TOKEN=\ufeff" + token + "\n", "GEELARK_EXPORTER_PHONE_ID=" + ids[0] + ", " + ids[1]},
		"--geelark.base-url="+url, "--web.listen-address=127.0.0.1:0", "--account.name=team-x")
	if got := p.scrape().values("geelark_phones_tracked", "account"); !maps.Equal(got, map[string]float64{"team-x": 2}) {
		t.Errorf("tracks %v", got)
	}
}

func TestAConfigurationFileIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	_, url := simulate(t, 5)
	file := write(t, "accounts.yml", "")
	account := func(name string) {
		t.Helper()
		content := "accounts: [{name: " + name + ", base_url: '" + url + "', token_env: TOKEN}]\n"
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	account("one")
	p := start(t, []string{"TOKEN=" + token}, "--config.file="+file, "--config.reload-interval=20ms", "--web.listen-address=127.0.0.1:0")
	tracked := func() map[string]float64 { return p.scrape().values("geelark_phones_tracked", "account") }
	if got := tracked(); !maps.Equal(got, map[string]float64{"one": 5}) {
		t.Errorf("tracks %v", got)
	}
	account("two")
	processtest.Eventually(t, "the reload", func() bool { return maps.Equal(tracked(), map[string]float64{"two": 5}) })
}

func TestAConfigurationFileIsReadAgain(t *testing.T) {
	t.Parallel()
	_, first := simulate(t, 20)
	_, second := simulate(t, 30)
	secret := write(t, "token", token)
	account := func(name, url string) string {
		return "  - {name: " + name + ", base_url: " + url + ", token_file: " + secret + "}\n"
	}
	other := "  - {name: two, base_url: " + second + ", token_env: OTHER}\n"
	file := write(t, "accounts.yml", "accounts:\n"+account("one", first)+other)
	p := start(t, []string{"OTHER=another-token"}, "--config.file="+file, "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle")
	tracked := func(path string) map[string]float64 {
		return p.scrapePath(path).values("geelark_phones_tracked", "account")
	}
	processtest.Eventually(t, "the first account", func() bool { return tracked("/metrics")["one"] == 20 })
	if got := tracked("/probe?account=one"); !maps.Equal(got, map[string]float64{"one": 20}) {
		t.Errorf("/probe has %v", got)
	}
	if a := p.get("/sd"); a.status != http.StatusOK || !bytes.Contains(a.body, []byte(`"__param_account":"two"`)) {
		t.Errorf("/sd: %d %s", a.status, a.body)
	}
	if a := p.get("/-/reload"); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /-/reload: status %d", a.status)
	}

	if err := os.WriteFile(file, []byte("accounts:\n  - {name: one, tokenfile: x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(p.url("/-/reload"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusInternalServerError || !bytes.Contains(answer, []byte("accounts.yml:2: ")) {
		t.Errorf("POST /-/reload of a broken file: status %d, %s, %v", resp.StatusCode, answer, err)
	}
	if got := p.scrape().value("geelark_config_last_reload_successful"); got != 0 {
		t.Errorf("geelark_config_last_reload_successful is %v after a broken file", got)
	}
	if got := tracked("/metrics"); got["one"] != 20 {
		t.Errorf("tracks %v after a broken file", got)
	}
	for _, path := range []string{"/", "/config"} {
		if a := p.get(path); !bytes.Contains(a.body, []byte("could not be read again")) || !bytes.Contains(a.body, []byte("accounts.yml:2: ")) {
			t.Errorf("%s does not tell of the broken file: %s", path, a.body)
		}
	}

	if err := os.WriteFile(file, []byte("accounts:\n"+account("three", first)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGHUP)
	processtest.Eventually(t, "the reload", func() bool { return p.scrape().value("geelark_config_last_reload_successful") == 1 })
	// Its requests are paced still: the process is young.
	processtest.Eventually(t, "the account of the reload", func() bool { return maps.Equal(tracked("/metrics"), map[string]float64{"three": 20}) })
	if a := p.get("/"); bytes.Contains(a.body, []byte("could not be read again")) {
		t.Errorf("the page still tells of the broken file: %s", a.body)
	}
}
