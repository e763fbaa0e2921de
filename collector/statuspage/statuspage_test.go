package statuspage

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

var update = flag.Bool("update", false, "write the golden files and the picture")

// golden compares a page, without the style, with a file in testdata.
func golden(t *testing.T, page, file string) {
	t.Helper()
	got := strings.ReplaceAll(page, style, "")
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page differs from %s (go test ./collector/statuspage -update writes it):\n%s", path, got)
	}
}

func TestPages(t *testing.T) {
	farm, other := newConfig("farm"), newConfig("other")
	other.Labels = map[string]string{"owner": "growth", "team": "b"}
	fleet := geelarktest.New(geelarktest.Config{Phones: 12, Seed: 1}).IDs()
	byID := newConfig("farm")
	byID.IDs = append(slices.Clone(fleet), "no-phone")
	tight := newConfig("farm")
	tight.IDs = geelarktest.New(geelarktest.Config{Phones: 250, Seed: 1}).IDs()
	tight.Limits.PerMinute = 1
	typo := newConfig("farm")
	typo.Discovery.Groups, typo.Discovery.Tags = []string{"framed"}, []string{"warmup", "x"}
	half := newConfig("farm")
	half.Discovery.Groups, half.Discovery.Tags = []string{"farm-1", "farm-9"}, []string{"shop", "shpo", "<b>"}
	missing := newConfig("farm")
	missing.Credentials = geelark.TokenFile("/etc/geelark/token")
	signed := newConfig("farm")
	signed.Credentials = geelark.Credentials{AppID: "the-app", APIKey: "the-key"}

	for name, tt := range map[string]struct {
		phones  int
		configs []watch.AccountConfig
		do      func(b *bench)
		path    string
	}{
		"nothing_polled": {12, []watch.AccountConfig{farm}, func(*bench) {}, "/"},
		"working": {12, []watch.AccountConfig{farm}, func(b *bench) {
			b.scrape()
			time.Sleep(20 * time.Second)
		}, "/"},
		"failing": {12, []watch.AccountConfig{byID, other}, func(b *bench) {
			b.sims["farm"].SetStatus(fleet[0], 7)
			remove := b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeSignature})
			b.scrape()
			time.Sleep(31 * time.Second)
			b.scrape()
			remove()
			time.Sleep(31 * time.Second)
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/status", OmitIDs: fleet[1:2]})
			b.scrape()
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/status", HTTPStatus: 502})
			b.sims["other"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeHourLimit, Times: 1})
			for range 3 {
				time.Sleep(31 * time.Second)
				b.scrape()
			}
		}, "/"},
		"short_of_budget": {250, []watch.AccountConfig{tight}, func(b *bench) {
			// So that it is the poll that comes first.
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/list", Latency: time.Second})
			b.scrape()
		}, "/"},
		"listing_waits": {250, []watch.AccountConfig{func() watch.AccountConfig {
			c := newConfig("farm")
			c.Limits.PerMinute = 1
			return c
		}()}, func(b *bench) { b.scrape() }, "/"},
		"not_scraped": {12, []watch.AccountConfig{farm}, func(b *bench) {
			b.scrape()
			time.Sleep(11 * time.Minute)
		}, "/"},
		"one_account_of_two": {12, []watch.AccountConfig{farm, other}, func(b *bench) { b.scrape() }, "/?account=other"},
		"search":             {12, []watch.AccountConfig{farm, other}, func(b *bench) { b.scrape() }, "/?q=FARM-1&account="},
		"search_in_vain":     {12, []watch.AccountConfig{farm}, func(b *bench) { b.scrape() }, "/?status=pending"},
		"phone":              {12, []watch.AccountConfig{farm}, func(b *bench) { b.scrape() }, "/?id=" + fleet[0]},
		"phone_that_fails":   {12, []watch.AccountConfig{byID}, func(b *bench) { b.scrape() }, "/?id=no-phone"},
		"phone_out_of_date": {12, []watch.AccountConfig{farm}, func(b *bench) {
			b.scrape()
			time.Sleep(time.Hour)
		}, "/?account=farm&id=" + fleet[0]},
		// One wrong key is one thing to do, whatever it hits.
		"wrong_token": {12, []watch.AccountConfig{farm}, func(b *bench) {
			b.sims["farm"].SetCredentials("another", "", "")
			b.scrape()
			time.Sleep(time.Minute)
			b.scrape()
		}, "/"},
		"wrong_clock": {12, []watch.AccountConfig{signed}, func(b *bench) {
			b.skew["farm"] = 10 * time.Minute
			b.sims["farm"].SetCredentials("", "the-app", "another")
			b.scrape()
		}, "/"},
		"contended": {12, []watch.AccountConfig{farm}, func(b *bench) {
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeRateLimited})
			b.scrape()
		}, "/"},
		"nothing_selected": {120, []watch.AccountConfig{typo}, func(b *bench) { b.scrape() }, "/"},
		"no_phones":        {0, []watch.AccountConfig{farm}, func(b *bench) { b.scrape() }, "/"},
		// What is over commands nothing any more, and what is known of the plan is old.
		"plan_expired": {12, []watch.AccountConfig{farm}, func(b *bench) {
			remove := b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "pay/wallet", Code: geelark.CodeBalance})
			b.scrape()
			time.Sleep(11 * time.Minute)
			remove()
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "pay/plan/info", Code: geelark.CodePlanExpired})
			b.scrape()
		}, "/"},
		"reload_failed": {12, []watch.AccountConfig{farm}, func(b *bench) {
			b.reload = Reload{Err: errors.New("accounts.yml:3: token_env: is empty\naccounts.yml:9: naem: is not a field, did you mean name?"), At: time.Now(), InForce: time.Now()}
			time.Sleep(2 * time.Minute)
		}, "/"},
		"state_not_written": {12, []watch.AccountConfig{farm}, func(b *bench) {
			b.unwritten = Unwritten{Directory: "/var/lib/geelark_exporter", Err: errors.New("open /var/lib/geelark_exporter/budgets: read-only file system"), Since: time.Now()}
			time.Sleep(2 * time.Minute)
		}, "/"},
		"group_not_found":    {120, []watch.AccountConfig{half}, func(b *bench) { b.scrape() }, "/"},
		"token_file_missing": {12, []watch.AccountConfig{missing}, func(b *bench) { b.scrape() }, "/"},
		"accounts_of_a_verdict": {12, []watch.AccountConfig{farm, other}, func(b *bench) {
			b.sims["other"].Inject(geelarktest.Fault{Code: geelark.CodeIPNotAllowed})
			b.scrape()
		}, "/?show=failing"},
		"phone_that_waits": {250, []watch.AccountConfig{tight}, func(b *bench) {
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/list", Latency: time.Second})
			b.scrape()
		}, "/?id=" + tight.IDs[249]},
		"phone_of_a_call_that_failed": {12, []watch.AccountConfig{byID}, func(b *bench) {
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeInternal})
			b.scrape()
		}, "/?id=" + fleet[0]},
		"phone_behind_a_pause": {12, []watch.AccountConfig{byID}, func(b *bench) {
			b.sims["farm"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeHourLimit})
			b.scrape()
		}, "/?id=" + fleet[0]},
		"phone_not_scraped": {12, []watch.AccountConfig{byID}, func(*bench) {}, "/?id=" + fleet[0]},
		"configuration":     {0, []watch.AccountConfig{byID, other}, func(*bench) {}, "/config"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, tt.phones, tt.configs...)
				defer b.watcher.Close()
				tt.do(b)
				synctest.Wait()
				golden(t, b.get(tt.path).Body.String(), name+".html")
			})
		})
	}
}

func TestThePageTellsWhoSharesTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var configs []watch.AccountConfig
		for i := range 8 {
			c := newConfig(fmt.Sprintf("team-%d", i))
			c.BaseURL = "http://team-0.test"
			configs = append(configs, c)
		}
		b := newBench(t, 120, configs...)
		defer b.watcher.Close()
		b.scrape()
		page := b.get("/?account=team-3").Body.String()
		for _, want := range []string{
			`<p>The account has the same credentials as &#34;team-0&#34;, &#34;team-1&#34;, &#34;team-2&#34;, &#34;team-4&#34;, &#34;team-5&#34; and 2 more accounts: they share these limits, and what is spent of them.</p>`,
			`<p>The settings of all 8 accounts together take at most 32 calls a minute to phone/status, of the 200 that GeeLark allows, and no more to any other API. The rest is free for your team.</p>`,
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %s: %s", want, page[strings.Index(page, "<main>"):])
			}
		}
	})
}

func TestHeaders(t *testing.T) {
	b := newBench(t, 0, newConfig("farm"))
	defer b.watcher.Close()
	for _, path := range []string{"/", "/?q=x", "/config"} {
		w := b.get(path)
		var styles []string
		for n := range parse(t, w.Body.String()).Descendants() {
			if n.Type == html.ElementNode && n.Data == "style" {
				styles = append(styles, n.FirstChild.Data)
			}
		}
		if len(styles) != 1 {
			t.Fatalf("%s: %d styles, want 1", path, len(styles))
		}
		sum := sha256.Sum256([]byte(styles[0]))
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8",
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
				"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Cache-Control":          "no-store",
			"X-Content-Type-Options": "nosniff",
			"Referrer-Policy":        "no-referrer",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	n, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// hostile are names that people or the vendor could give.
var hostile = []string{
	`<script>document.title="owned"</script>`,
	`"><img src=x onerror="document.title='owned'">`,
	`</style></title></textarea></select><svg onload=alert(1)>`,
	`' autofocus onfocus='alert(1)`,
	`javascript:alert(1)`,
	`<!--`, `{{.}}`, `&lt;b&gt;`, "a\u202eb\x00c\nd",
}

// newHostileBench has hostile names in every place that is not the exporter's.
func newHostileBench(t testing.TB) *bench {
	a, failing := newConfig("a"), newConfig("failing")
	a.Labels = map[string]string{}
	for i, name := range hostile {
		a.Labels[fmt.Sprintf("label%d", i)] = name
		a.Discovery.Tags = append(a.Discovery.Tags, name)
		failing.IDs = append(failing.IDs, fmt.Sprint(i)) // no id can be hostile
	}
	failing.IDsFile = filepath.Join(t.TempDir(), `<script>.txt`)
	if err := os.WriteFile(failing.IDsFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.Discovery.Tags = append(a.Discovery.Tags, "tag")
	b := newBench(t, len(hostile), a, failing)
	for i, id := range b.sims["a"].IDs() {
		name := hostile[i]
		b.sims["a"].Edit(id, func(p *geelarktest.Phone) {
			p.SerialName, p.SerialNo, p.Group, p.Brand, p.Model, p.OSVersion, p.Country = name, name, name, name, name, name, name
			p.Tags = []string{name, "tag"}
		})
	}
	for _, name := range hostile {
		body := fmt.Sprintf(`{"code": 40003, "msg": %q, "traceId": %q, "data": null}`, jsonSafe(name), jsonSafe(name))
		b.sims["failing"].Inject(geelarktest.Fault{Endpoint: "phone/list", Body: []byte(body), ContentType: "application/json", Times: 1})
	}
	b.sims["failing"].Inject(geelarktest.Fault{Endpoint: "pay/wallet", Code: geelark.CodePermission, Message: hostile[0]})
	return b
}

// jsonSafe leaves out what %q writes unlike JSON.
func jsonSafe(s string) string { return strings.NewReplacer("\x00", "", "\u202e", "").Replace(s) }

// hostilePaths are pages that show hostile names, or are asked for with them.
func (b *bench) hostilePaths() []string {
	paths := []string{"/", "/?q=", "/config"}
	for _, id := range b.sims["a"].IDs() {
		paths = append(paths, "/?account=a&id="+id)
	}
	for _, name := range hostile {
		for _, field := range []string{"q", "id", "group", "status", "account", name} {
			paths = append(paths, "/?"+url.Values{field: {name}}.Encode())
		}
	}
	return paths
}

func TestHostileNamesAreTextAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHostileBench(t)
		defer b.watcher.Close()
		b.scrape()
		synctest.Wait()
		shown := ""
		for _, path := range b.hostilePaths() {
			for n := range parse(t, b.get(path).Body.String()).Descendants() {
				if n.Type == html.CommentNode {
					t.Errorf("%s: holds the comment %q", path, n.Data)
				}
				if n.Type == html.TextNode {
					shown += n.Data + "\n"
				}
				if n.Type != html.ElementNode {
					continue
				}
				if !slices.Contains(elements, n.Data) {
					t.Errorf("%s: holds the element %s", path, n.Data)
				}
				for _, a := range n.Attr {
					if strings.HasPrefix(a.Key, "on") || !slices.Contains(attributes, a.Key) {
						t.Errorf("%s: %s has the attribute %s=%q", path, n.Data, a.Key, a.Val)
					}
					if (a.Key == "href" || a.Key == "action") && !strings.HasPrefix(a.Val, "./") && !strings.HasPrefix(a.Val, "?") && !strings.HasPrefix(a.Val, "#account-") {
						t.Errorf("%s: %s leads to %q", path, n.Data, a.Val)
					}
				}
			}
		}
		for _, name := range hostile[:len(hostile)-1] { // the last has characters that HTML cannot hold
			if !strings.Contains(shown, name) {
				t.Errorf("%q is not shown", name)
			}
		}
	})
}

// What the templates consist of.
var (
	elements = strings.Fields(`html head meta title style body header h1 nav ul ol li a main form label input select option datalist
		button section h2 h3 h4 div table thead tbody tr th td strong svg rect span bdi p b dl dt dd time code meter article pre footer`)
	attributes = strings.Fields(`lang charset name content href aria-label aria-labelledby aria-current aria-hidden role method action type value
		placeholder list id class scope tabindex datetime max x width height selected`)
)

func TestLinksLeadToWhatTheySay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHostileBench(t)
		defer b.watcher.Close()
		b.scrape()
		synctest.Wait()
		followed := 0
		for n := range parse(t, b.get("/?account=a&q=").Body.String()).Descendants() {
			if n.Type != html.ElementNode || n.Data != "a" || !strings.HasPrefix(n.Attr[0].Val, "?account=a&id=") {
				continue
			}
			followed++
			if page := b.get("/" + n.Attr[0].Val).Body.String(); !strings.Contains(page, "One phone matches.") {
				t.Errorf("%s does not lead to one phone", n.Attr[0].Val)
			}
		}
		if followed != len(hostile) {
			t.Errorf("%d links to phones, want %d", followed, len(hostile))
		}
		groups := 0
		for n := range parse(t, b.get("/?account=a").Body.String()).Descendants() {
			if n.Type == html.ElementNode && n.Data == "a" && strings.HasPrefix(n.Attr[0].Val, "?account=a&group=") {
				groups++
				if page := b.get("/" + n.Attr[0].Val).Body.String(); !strings.Contains(page, "One phone matches.") {
					t.Errorf("%s does not lead to the group's phone", n.Attr[0].Val)
				}
			}
		}
		if groups != len(hostile) {
			t.Errorf("%d links to groups, want %d", groups, len(hostile))
		}
	})
}

func TestFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newConfig("one"), newConfig("two")
		b := newBench(t, 30, one, two)
		defer b.watcher.Close()
		ids := b.sims["one"].IDs()
		for _, name := range []string{"one", "two"} {
			for i, id := range b.sims[name].IDs() {
				b.sims[name].SetStatus(id, i%4)
			}
		}
		b.sims["one"].Rename(ids[0], "Zoë's Phone")
		b.scrape()
		for query, want := range map[string]string{
			"q=":                           "60 phones match.",
			"account=one&q=":               "30 phones match.",
			"account=three&q=":             "No phone matches.",
			"status=started":               "16 phones match.",
			"status=shut_down&account=two": "7 phones match.",
			"status=nonsense":              "No phone matches.",
			"q=" + ids[4]:                  "One phone matches.",
			"q=" + ids[4][:17]:             "One phone matches.",
			"id=" + ids[4][:17]:            "No phone matches.",
			"q=zo%C3%8B":                   "One phone matches.",
			"q=+zoë's+phone+":              "One phone matches.",
			"q=zoë&status=shut_down":       "No phone matches.",
			"group=nonsense":               "No phone matches.",
			"group=farm":                   "No phone matches.",
			"q=%00":                        "No phone matches.",
			"q=%ff":                        "No phone matches.",
			"unknown=1":                    "<h2 id=\"accounts\">Accounts</h2>",
		} {
			if page := b.get("/?" + query).Body.String(); !strings.Contains(page, want) {
				t.Errorf("%s: %q is not there: %s", query, want, page[strings.Index(page, "<main>"):])
			}
		}
	})
}

func TestPageViewsCallNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 150, newConfig("farm"))
		defer b.watcher.Close()
		views := func() {
			for _, path := range []string{"/", "/?q=", "/?status=started", "/?id=" + b.sims["farm"].IDs()[0], "/config"} {
				b.get(path)
			}
			synctest.Wait()
		}
		views()
		if n := b.sims["farm"].Requests(""); n != 0 {
			t.Fatalf("%d requests before the first scrape", n)
		}
		b.scrape()
		synctest.Wait()
		before := b.sims["farm"].Requests("")
		time.Sleep(24 * time.Hour) // everything is due
		views()
		if n := b.sims["farm"].Requests("") - before; n != 0 || before == 0 {
			t.Errorf("%d requests by page views after %d by a scrape", n, before)
		}
	})
}

func TestNoPageTellsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token, key, file := newConfig("token"), newConfig("key"), newConfig("file")
		key.Credentials = geelark.Credentials{AppID: "the-app", APIKey: "the-api-key-in-a-variable"}
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(testToken), 0o600); err != nil {
			t.Fatal(err)
		}
		file.Credentials = geelark.TokenFile(path)
		b := newBench(t, 30, token, key, file)
		defer b.watcher.Close()
		b.sims["key"].SetCredentials("", "the-app", "the-api-key-in-a-variable")
		b.sims["file"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeSignature, Message: "no " + testToken})
		b.sims["key"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeSignature, Message: "no the-api-key-in-a-variable"})
		b.scrape()
		synctest.Wait()
		secrets := []string{testToken, "the-api-key-in-a-variable"}
		paths := []string{"/", "/?q=", "/config"}
		for name, sim := range b.sims {
			secrets = append(secrets, sim.Secrets()...)
			for _, id := range sim.IDs() {
				paths = append(paths, "/?account="+name+"&id="+id)
			}
		}
		all := ""
		for _, path := range paths {
			page := b.get(path).Body.String()
			all += page
			for _, secret := range secrets {
				if strings.Contains(page, secret) {
					t.Errorf("%s tells %q", path, secret)
				}
			}
		}
		for _, want := range []string{"no &lt;secret&gt;", "token_file: " + path, "api_key: &lt;secret&gt;", "app_id: the-app", "App id <code><bdi>the-app"} {
			if !strings.Contains(all, want) {
				t.Errorf("no page has %q", want)
			}
		}
	})
}

func TestACredentialThatCannotBeReadIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfig("farm")
		c.Credentials = geelark.TokenFile(filepath.Join(t.TempDir(), "missing"))
		b := newBench(t, 3, c)
		defer b.watcher.Close()
		b.scrape()
		page := b.get("/").Body.String()
		for _, want := range []string{"credentials could not be read", "missing: no such file", "Failing"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
	})
}

func TestThePageOfManyAccountsTellsEverythingOfAFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var configs []watch.AccountConfig
		for i := range 300 {
			configs = append(configs, newConfig(fmt.Sprint("a", i)))
		}
		b := newBench(t, 3, configs...)
		defer b.watcher.Close()
		for i := range 25 {
			b.sims[fmt.Sprint("a", 10*i)].SetCredentials("another", "", "")
		}
		b.scrape()
		for path, want := range map[string][]int{ // sections, rows
			"/":              {10, 300},
			"/?show=failing": {10, 25},
			"/?show=working": {0, 275},
			"/?account=a1":   {1, 0},
			"/?show=x":       {0, 0},
		} {
			page := b.get(path).Body.String()
			sections, rows := strings.Count(page, `<section class="account"`), strings.Count(page, `<tr><th scope="row" class="name"><a`)
			if sections != want[0] || rows != want[1] {
				t.Errorf("%s tells everything of %d accounts and has %d rows, want %v", path, sections, rows, want)
			}
			if len(page) > 400_000 {
				t.Errorf("%s has %d bytes", path, len(page))
			}
		}
	})
}

func TestAnIDsFileThatCannotBeReadIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfig("farm")
		c.IDsFile = filepath.Join(t.TempDir(), "ids")
		write := func(content string) {
			if err := os.WriteFile(c.IDsFile, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("1\n")
		b := newBench(t, 3, c)
		defer b.watcher.Close()
		b.scrape()
		write("1\nphone 2\n")
		time.Sleep(time.Minute)
		b.scrape()
		page := b.get("/").Body.String()
		for _, want := range []string{"Partly failing", "Ids file cannot be read", c.IDsFile + ":2: ", "Correct the file that phones.ids_file names", "Nothing was sent, so there is no trace id.", "<b>1</b> phone<"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %q: %s", want, page[strings.Index(page, "<main>"):])
			}
		}
		write("# none yet\n")
		time.Sleep(time.Minute)
		b.scrape()
		if page := b.get("/").Body.String(); !strings.Contains(page, "No phones") || !strings.Contains(page, c.IDsFile+" names none") {
			t.Errorf("the page does not say that the file names none: %s", page[strings.Index(page, "<main>"):])
		}
	})
}

func TestAPageStaysSmallForALargeFleet(t *testing.T) {
	b := newLargeBench(t, 2, 2_000)
	defer b.watcher.Close()
	for path, want := range map[string]string{
		"/":                "<b>2,000</b> phones",
		"/?q=":             "4,000 phones match, the first 100 are shown.",
		"/?status=started": "2,400 phones match, the first 100 are shown.",
	} {
		page := b.get(path).Body.String()
		if !strings.Contains(page, want) {
			t.Errorf("%s does not say %q", path, want)
		}
		if rows := strings.Count(page, "<tr>"); rows > 110 {
			t.Errorf("%s has %d rows", path, rows)
		}
		if len(page) > 150_000 {
			t.Errorf("%s has %d bytes", path, len(page))
		}
	}
}

// newLargeBench has accounts that are polled as a whole, of as many phones each
// as their budgets take in at once.
func newLargeBench(t testing.TB, accounts, phones int) *bench {
	var configs []watch.AccountConfig
	for i := range accounts {
		configs = append(configs, newConfig(fmt.Sprintf("account-%d", i)))
	}
	b := newBench(t, phones, configs...)
	for deadline := time.Now().Add(patience); ; {
		b.scrape()
		known := 0
		for _, a := range b.watcher.Overview().Accounts {
			known += a.Phones - a.States[watch.StatePending]
		}
		if known == accounts*phones {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d phones are known after %s", known, patience)
		}
	}
}

func BenchmarkPages(bm *testing.B) {
	b := newLargeBench(bm, 10, 10_000)
	defer b.watcher.Close()
	for _, path := range []string{"/", "/?q=", "/?q=nothing-like-it", "/?status=started&group=farm-1", "/?id=" + b.sims["account-5"].IDs()[0]} {
		bm.Run(path, func(bm *testing.B) {
			bm.ReportAllocs()
			for bm.Loop() {
				w := httptest.NewRecorder()
				b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			}
		})
	}
}
