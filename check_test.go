package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark/geelarktest"
)

func TestCheckTellsWhetherTheAccountsWork(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 30)
	for name, tt := range map[string]struct {
		token string
		args  []string
		code  int
		says  []string
	}{
		"a token that works": {token, []string{"--check"}, 0, []string{
			"default: works\n", "reached        yes, " + url, "authenticated  yes, with the token of $GEELARK_TOKEN", "30 listed, 30 phones selected", "Accounts that work: 1 of 1.",
		}},
		"a token that is refused": {"another", []string{"--check"}, 1, []string{
			"default: does not work\n", "authenticated  no, with the token of $GEELARK_TOKEN", "failure        40003 signature or token refused",
			"Check the token of $GEELARK_TOKEN: it may be mistyped, revoked or another account's.", `Accounts that work: 0 of 1. Not "default".`,
		}},
		"the configuration alone": {"another", []string{"--config.check"}, 0, []string{"The configuration is valid: 1 account. GeeLark was not asked: --check asks"}},
		"a demo":                  {"", []string{"--demo", "--demo.phones=20", "--check"}, 0, []string{"20 listed", "authenticated  yes, with the token of --demo"}},
		"ids that are not phones": {token, []string{"--check", "--phone.id=12,abc"}, 1, []string{"30 listed, 2 phones selected", `The account has no phone with 2 of the 2 ids: "12", "abc". Correct --phone.id or --phone.ids-file.`}},
	} {
		t.Run(name, func(t *testing.T) {
			before := api.Requests("")
			args := tt.args
			if tt.token != "" {
				args = append(args, "--geelark.base-url="+url)
			}
			p := start(t, []string{"GEELARK_TOKEN=" + tt.token}, args...)
			code := p.ExitCode()
			out := p.Stdout.String()
			for _, want := range tt.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q: %s", want, out)
				}
			}
			if code != tt.code {
				t.Errorf("it ends with %d, want %d: %s", code, tt.code, out)
			}
			if n, want := api.Requests("")-before, map[bool]int{true: 1}[slices.Contains(args, "--geelark.base-url="+url) && args[0] == "--check"]; n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
		})
	}
}

// The exporter that it is asked about may be running.
func TestCheckLeavesTheStateOfARunningExporterAlone(t *testing.T) {
	t.Parallel()
	_, url := simulate(t, 30)
	state := "--state.directory=" + t.TempDir()
	running := exporterOf(t, url, state)
	running.get("/-/ready")
	p := exporterOf(t, url, state, "--check")
	if code := p.ExitCode(); code != 0 || !strings.Contains(p.Stdout.String(), "default: works") {
		t.Errorf("it ends with %d: %s%s", code, &p.Stdout, &p.Stderr)
	}
}

func TestTheLogTellsWhereThePageIs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"by default":           {nil, "http://localhost:9824/"},
		"an address":           {[]string{"--web.listen-address=127.0.0.1:1234"}, "http://127.0.0.1:1234/"},
		"all addresses":        {[]string{"--web.listen-address=0.0.0.0:80"}, "http://localhost:80/"},
		"IPv6":                 {[]string{"--web.listen-address=[::1]:80"}, "http://[::1]:80/"},
		"behind a proxy":       {[]string{"--web.external-url=https://mon.test/geelark"}, "https://mon.test/geelark/"},
		"under a prefix":       {[]string{"--web.route-prefix=/geelark"}, "http://localhost:9824/geelark/"},
		"with a certificate":   {[]string{"--web.config.file=" + write(t, "web.yml", "tls_server_config:\n  cert_file: x\n")}, "https://localhost:9824/"},
		"with a password only": {[]string{"--web.config.file=" + write(t, "web.yml", "basic_auth_users: {}\n#tls_server_config: x\n")}, "http://localhost:9824/"},
	} {
		app, f := newApp()
		if _, err := app.Parse(tt.args); err != nil {
			t.Fatal(err)
		}
		s, err := f.site()
		if err != nil {
			t.Fatal(err)
		}
		if got := f.page(s); got != tt.want {
			t.Errorf("%s: the page is at %s, want %s", name, got, tt.want)
		}
	}
	p := demo(t)
	processtest.Eventually(t, "the line of the log", func() bool {
		return strings.Contains(p.Stderr.String(), `msg="GeeLark is not asked for anything before the first scrape" page=http://127.0.0.1:0/`)
	})
}

func TestACheckThatIsInterruptedSaysSo(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 1)
	api.Inject(geelarktest.Fault{Hang: true})
	p := exporterOf(t, url, "--check", "--geelark.timeout=1h")
	processtest.Eventually(t, "the request", func() bool { return api.Requests("") > 0 })
	p.Signal(syscall.SIGINT)
	if code := p.ExitCode(); code != 1 || !strings.Contains(p.Stdout.String(), "failure        interrupted") || !strings.Contains(p.Stderr.String(), "interrupted") {
		t.Errorf("it ends with %d: %s%s", code, &p.Stdout, &p.Stderr)
	}
}

// Without knowing what was spent before, the whole of the vendor's limit leaves
// nothing for the first minute.
func TestACheckThatHasToWaitSaysWhyAndForHowLong(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 1)
	p := exporterOf(t, url, "--check", "--geelark.requests-per-minute=200")
	processtest.Eventually(t, "the reason", func() bool { return strings.Contains(p.Stderr.String(), "Nothing is sent for a minute") })
	p.Signal(syscall.SIGINT)
	if code := p.ExitCode(); code != 1 || !strings.Contains(p.Stdout.String(), "failure        interrupted") || strings.Contains(p.Stdout.String(), "aise") || api.Requests("") != 0 {
		t.Errorf("it ends with %d after %d requests: %s%s", code, api.Requests(""), &p.Stdout, &p.Stderr)
	}
}
