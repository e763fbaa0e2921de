package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// flags are an account as the flags make it.
func flags() watch.AccountConfig {
	c := watch.DefaultAccountConfig()
	c.Name, c.Labels, c.Credentials = "default", map[string]string{"from": "flags"}, geelark.Credentials{Token: "token-in-flags"}
	c.IDs, c.IDsFile = []string{"1"}, "from-flags"
	c.Discovery = watch.Discovery{Groups: []string{"from-flags"}, Tags: []string{"from-flags"}, ChargeMode: new(geelark.ChargeMonthly)}
	return c
}

// expected is an account that says no more than its name and its credentials,
// and what change adds.
func expected(name string, source geelark.CredentialSource, change func(c *watch.AccountConfig)) watch.AccountConfig {
	c := flags()
	c.Name, c.Labels, c.Credentials, c.IDs, c.IDsFile = name, nil, source, nil, ""
	c.Discovery = watch.Discovery{}
	if change != nil {
		change(&c)
	}
	return c
}

func getenv(name string) string {
	return map[string]string{
		"TOKEN": " token-in-variable\n", "APP_ID": "app-in-variable", "API_KEY": "key-in-variable",
		"SAME_TOKEN": "token-in-file", "TWO_WORDS": "s3cret s3cret", "BLANK": " ",
		"TEAM_B_TOKEN": "b", "TEAM_D_APP_ID": "d", "TEAM_D_API_KEY": "d",
	}[name]
}

// write puts a configuration file into a directory with what it can refer to.
func write(t testing.TB, content string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{
		"accounts.yml": content,
		"token":        "token-in-file\n",
		"key":          "key-in-file\n",
		"empty":        "\n",
		"two words":    "s3cret s3cret",
		"phones":       "1\n",
		"columns":      "id,name\n",
		"no phones":    "",

		"secrets/team-a-token":   "a",
		"secrets/team-c-api-key": "c",
		"team-b-phones.txt":      "557536075321468392",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, filepath.Join(dir, "accounts.yml")
}

func TestLoad(t *testing.T) {
	tokenFile := func(dir string) geelark.CredentialSource { return geelark.TokenFile(filepath.Join(dir, "token")) }
	one := func(change func(c *watch.AccountConfig)) func(dir string) []watch.AccountConfig {
		return func(dir string) []watch.AccountConfig {
			return []watch.AccountConfig{expected("a", tokenFile(dir), change)}
		}
	}
	const account = "accounts:\n- name: a\n  token_file: token\n"
	for name, test := range map[string]struct {
		file string
		want func(dir string) []watch.AccountConfig
	}{
		"the flags count where the file says nothing, except for what one account has for itself": {account, one(nil)},
		"defaults count where the account says nothing": {
			account + "  timeout: 3s\ndefaults: {timeout: 1s, base_url: 'http://api.test', concurrency: 1, requests_per_minute: 2, requests_per_hour: 3, cache_ttl: 0, max_staleness: 1d, inventory_interval: 1h30m, billing_interval: 2m}",
			one(func(c *watch.AccountConfig) {
				c.Timeout, c.BaseURL, c.Concurrency = 3*time.Second, "http://api.test", 1
				c.Limits = geelark.Limits{PerMinute: 2, PerHour: 3, Share: 1}
				c.CacheTTL, c.MaxStaleness, c.InventoryInterval, c.BillingInterval = 0, 24*time.Hour, 90*time.Minute, 2*time.Minute
			}),
		},
		"credentials come from files and variables": {
			`accounts:
- {name: a, token_file: token}
- {name: b, token_env: TOKEN}
- {name: c, app_id: app, api_key_file: key}
- {name: d, app_id: app, api_key_env: API_KEY}
- {name: e, app_id_env: APP_ID, api_key_file: key}
- {name: f, app_id_env: APP_ID, api_key_env: API_KEY}
`,
			func(dir string) []watch.AccountConfig {
				key := filepath.Join(dir, "key")
				return []watch.AccountConfig{
					expected("a", tokenFile(dir), nil),
					expected("b", geelark.Credentials{Token: "token-in-variable"}, nil),
					expected("c", geelark.APIKeyFile{AppID: "app", File: key}, nil),
					expected("d", geelark.Credentials{AppID: "app", APIKey: "key-in-variable"}, nil),
					expected("e", geelark.APIKeyFile{AppID: "app-in-variable", File: key}, nil),
					expected("f", geelark.Credentials{AppID: "app-in-variable", APIKey: "key-in-variable"}, nil),
				}
			},
		},
		"an absolute path stays": {
			"accounts: [{name: a, token_file: DIR/token}]",
			one(nil),
		},
		"ids keep all their digits and can be mixed with a file": {
			account + "  phones: {ids: [123456789012345678, '0012', 1e3, 0x10, yes], ids_file: phones}",
			func(dir string) []watch.AccountConfig {
				return one(func(c *watch.AccountConfig) {
					c.IDs = []string{"123456789012345678", "0012", "1e3", "0x10", "yes"}
					c.IDsFile = filepath.Join(dir, "phones")
				})(dir)
			},
		},
		"an empty list of ids is no mistake beside a file, which may be empty too": {
			account + "  phones: {ids: [], ids_file: no phones}",
			func(dir string) []watch.AccountConfig {
				return one(func(c *watch.AccountConfig) { c.IDsFile = filepath.Join(dir, "no phones") })(dir)
			},
		},
		"an empty list of ids is no mistake beside a discovery": {
			account + "  phones: {ids: [], discover: {}}",
			one(nil),
		},
		"two accounts with the same credentials share their budget": {
			account + "- name: b\n  token_file: ./token\n",
			func(dir string) []watch.AccountConfig {
				return []watch.AccountConfig{expected("a", tokenFile(dir), nil), expected("b", tokenFile(dir), nil)}
			},
		},
		"phones are selected": {
			account + "  phones: {discover: {groups: [x, y], tags: [1], charge_mode: per_minute}}",
			one(func(c *watch.AccountConfig) {
				c.Discovery = watch.Discovery{Groups: []string{"x", "y"}, Tags: []string{"1"}, ChargeMode: new(geelark.ChargePerMinute)}
			}),
		},
		"labels are text": {
			account + "  labels: {owner: 12, on: true}",
			one(func(c *watch.AccountConfig) { c.Labels = map[string]string{"owner": "12", "on": "true"} }),
		},
		"a file from Windows": {"\ufeff" + strings.ReplaceAll(account, "\n", "\r\n"), one(nil)},
		"a file with document marks": {
			"---\n" + account + "...\n",
			one(nil),
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := write(t, "")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(test.file, "DIR", dir)), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := NewFile(file, flags(), getenv).Load()
			if err != nil {
				t.Fatal(err)
			}
			if want := test.want(dir); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestAReloadOfTheSameFileGivesEqualSources(t *testing.T) {
	_, file := write(t, `accounts:
- {name: a, token_file: token}
- {name: b, token_env: TOKEN}
- {name: c, app_id: app, api_key_file: key}
`)
	first, err := NewFile(file, flags(), getenv).Load()
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewFile(file, flags(), getenv).Load()
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if first[i].Credentials != second[i].Credentials {
			t.Errorf("account %s: got another source", first[i].Name)
		}
	}
}

const example = "../../deploy/config.example.yml"

func TestTheExample(t *testing.T) {
	content, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	dir, file := write(t, string(content))
	got, err := NewFile(file, flags(), getenv).Load()
	if err != nil {
		t.Fatal(err)
	}
	want := []watch.AccountConfig{
		expected("team-a", geelark.TokenFile(filepath.Join(dir, "secrets/team-a-token")), func(c *watch.AccountConfig) {
			c.Labels = map[string]string{"owner": "growth"}
			c.Discovery = watch.Discovery{Groups: []string{"farm-1", "farm-2"}, Tags: []string{"prod"}, ChargeMode: new(geelark.ChargeMonthly)}
			c.CacheTTL = time.Minute
		}),
		expected("team-b", geelark.Credentials{Token: "b"}, func(c *watch.AccountConfig) {
			c.IDs, c.IDsFile = []string{"557536075321468390", "557536075321468391"}, filepath.Join(dir, "team-b-phones.txt")
		}),
		expected("team-c", geelark.APIKeyFile{AppID: "TEAMCAPPID", File: filepath.Join(dir, "secrets/team-c-api-key")}, nil),
		expected("team-d", geelark.Credentials{AppID: "d", APIKey: "d"}, nil),
	}
	// The defaults that it shows are the flags'.
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Every mapping tells its fields in the error about an unknown one.
func TestTheExampleHasEveryField(t *testing.T) {
	content, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	defaults, _, _ := strings.Cut(string(content), "\naccounts:")
	for _, test := range []struct{ unknown, in string }{
		{"unknown-in-the-file: 1", string(content)},
		{"defaults: {unknown-in-defaults: 1}", defaults},
		{"defaults: {phones: {unknown-in-phones: 1}}", defaults},
		{"defaults: {phones: {discover: {unknown-in-discover: 1}}}", defaults},
		{"accounts: [{unknown-in-account: 1}]", string(content)},
		{"accounts: [{phones: {unknown-in-phones: 1}}]", string(content)},
		{"accounts: [{phones: {discover: {unknown-in-discover: 1}}}]", string(content)},
	} {
		_, file := write(t, test.unknown)
		_, err := NewFile(file, flags(), getenv).Load()
		_, known, ok := strings.Cut(err.Error(), "use one of ")
		if !ok {
			t.Fatalf("%s: the error names no fields: %v", test.unknown, err)
		}
		known, _, _ = strings.Cut(known, "\n")
		for field := range strings.SplitSeq(known, ", ") {
			if !regexp.MustCompile(`(?m)^[ -]*` + field + `:`).MatchString(test.in) {
				t.Errorf("%s: the example has no %s", test.unknown, field)
			}
		}
	}
}

func FuzzLoad(f *testing.F) {
	content, err := os.ReadFile(example)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(content))
	for _, test := range broken {
		f.Add(test.file)
	}
	_, file := write(f, "")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		accounts, err := NewFile(file, flags(), getenv).Load()
		switch {
		case (accounts == nil) == (err == nil):
			t.Fatalf("got %d accounts and error %v", len(accounts), err)
		case err != nil && !strings.HasPrefix(err.Error(), file+":"):
			t.Errorf("the error does not begin with the file: %v", err)
		}
		for _, a := range accounts {
			if err := a.Validate(); err != nil {
				t.Errorf("account %s: %v", a.Name, err)
			}
		}
	})
}
