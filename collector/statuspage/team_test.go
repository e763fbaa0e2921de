package statuspage

import (
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// troubles are what is wrong with six of the accounts of a team, as the row of
// each says.
var troubles = map[string]string{
	"account-07": "Failing 40003 signature or token refused",
	"account-11": "No phones 40 listed, none selected",
	"account-13": "Paused phone/status until ",
	"account-17": "Failing this machine's clock is about 12 min slow, 40003 signature or token refused",
	"account-19": "Failing 46001 plan expired",
	"account-21": `Group not found no phone of the selection is in the group "frm-2"`,
}

// newTeam has the pages of thirty accounts of which six have trouble, and one has
// many phones.
func newTeam(t testing.TB, phones int) *bench {
	t.Helper()
	const large = "account-23"
	var configs []watch.AccountConfig
	for i := range 30 {
		c := newConfig(fmt.Sprintf("account-%02d", i+1))
		switch c.Name {
		case "account-11":
			c.Discovery.Groups = []string{"farm1"}
		case "account-21":
			c.Discovery.Groups = []string{"farm-1", "frm-2"}
		case "account-17":
			c.Credentials = geelark.Credentials{AppID: "the-app", APIKey: "the-key"}
		case large:
			c.Limits = geelark.VendorLimits()
		}
		configs = append(configs, c)
	}
	b := newBenchOf(t, func(i int) *geelarktest.Server {
		n := 40
		if configs[i].Name == large {
			n = phones
		}
		return geelarktest.New(geelarktest.Config{Phones: n, Seed: uint64(i + 1), Token: testToken, Still: true})
	}, nil, configs...)
	b.sims["account-07"].SetCredentials("another", "", "")
	b.sims["account-13"].Inject(geelarktest.Fault{Endpoint: "phone/status", Code: geelark.CodeHourLimit, Times: 1})
	b.sims["account-17"].SetCredentials("", "the-app", "the-key-of-another-time")
	b.skew["account-17"] = 12 * time.Minute
	b.sims["account-19"].Inject(geelarktest.Fault{Code: geelark.CodePlanExpired})
	for deadline := time.Now().Add(patience); ; {
		b.scrape()
		a := b.watcher.Overview().Accounts
		if i := slices.IndexFunc(a, func(a watch.AccountOverview) bool { return a.Name == large }); a[i].Phones-a[i].States[watch.StatePending] == phones {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("not all of %d phones are known after %s", phones, patience)
		}
	}
}

// TestATeamInABrowser finds what is wrong with six of thirty accounts from the
// page alone, on each screen, and with a keyboard and a screen reader.
func TestATeamInABrowser(t *testing.T) {
	browser := startBrowser(t)
	b := newTeam(t, 20_000)
	defer b.watcher.Close()
	server := httptest.NewServer(b)
	defer server.Close()
	for _, s := range screens {
		t.Run(s.String(), func(t *testing.T) {
			tab := browser.open(server.URL+"/", s)
			isWellMade(t, tab, s)
			var rows []struct {
				Text, Account, Age string
				Right              float64
			}
			tab.evaluate(`[...document.querySelectorAll("table.accounts tbody tr")].map(row => {
				const shown = [...row.cells].filter(c => c.checkVisibility())
				return {Text: row.cells[1].innerText.replace(/\s+/g, " "), Account: row.cells[0].innerText.trim(),
					Age: row.cells[4].checkVisibility() ? row.cells[4].innerText : "",
					Right: Math.max(...shown.map(c => c.getBoundingClientRect().right))}
			})`, &rows)
			if len(rows) != 30 {
				t.Fatalf("%d accounts are shown", len(rows))
			}
			for i, r := range rows {
				want, troubled := troubles[r.Account]
				if troubled != (i < len(troubles)) {
					t.Errorf("%s is in row %d", r.Account, i+1)
				}
				if !troubled {
					want = "Working"
				}
				if !strings.HasPrefix(r.Text, want) {
					t.Errorf("%s says %q, want %q", r.Account, r.Text, want)
				}
				if r.Age == "" {
					t.Errorf("%s shows no age", r.Account)
				}
				if r.Right > float64(s.width) {
					t.Errorf("%s needs %.0f of %d to the right", r.Account, r.Right, s.width)
				}
			}
			var text string
			tab.evaluate(`document.body.innerText`, &text)
			for _, want := range []string{
				"6 of 30 accounts need attention.", "Failing 3", "Paused 1", "Group not found 1", "Working 24",
				"Check the token of token_env: it may be mistyped, revoked or another account's.",
				`40 phones listed, none of them in the group "farm1". Groups seen: "farm-1"`,
				"Other programs, or another exporter, spend from it: this one has sent",
				"This machine's clock is about 12 min slow, and the requests are signed with its time: set the clock.",
				"Renew the account's plan.",
				"24 accounts are not shown in full",
				`No phone of the selection is in the group "frm-2". Groups seen: "farm-2"`,
			} {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
		})
	}
	t.Run("with a keyboard", func(t *testing.T) { withAKeyboard(t, browser.open(server.URL+"/", screens[2])) })
	t.Run("with a screen reader", func(t *testing.T) {
		for _, path := range []string{"/", "/?q=", "/?account=account-23", "/?account=account-23&id=" + b.sims["account-23"].IDs()[0], "/config"} {
			asOutline(t, browser.open(server.URL+path, screens[2]))
		}
	})
	if dir := os.Getenv("PICTURES"); dir != "" {
		for i, s := range screens {
			picture := browser.open(server.URL+"/", s).screenshot(true)
			if err := os.WriteFile(fmt.Sprintf("%s/team-%d.png", dir, i), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withAKeyboard goes through a page with the tab key and narrows the accounts.
func withAKeyboard(t *testing.T, tab *tab) {
	var way []string
	for range 40 {
		tab.press("Tab", 9)
		var here struct {
			Name    string
			Outline string
			Top     float64
		}
		tab.evaluate(`(() => { const e = document.activeElement, style = getComputedStyle(e); return {
			Name: (e.name || e.innerText || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.tagName).trim().replace(/\s+/g, " ").slice(0, 40),
			Outline: style.outlineStyle + " " + style.outlineWidth, Top: e.getBoundingClientRect().top } })()`, &here)
		if here.Outline != "solid 2px" {
			t.Errorf("%q has the outline %s while it has the focus", here.Name, here.Outline)
		}
		way = append(way, here.Name)
		if here.Name == "Failing 3" {
			break
		}
	}
	for _, want := range []string{"Status", "Metrics", "q", "account", "status", "group", "Search", "All 30", "Failing 3"} {
		if !slices.Contains(way, want) {
			t.Fatalf("the tab key does not lead to %q but by %q", want, way)
		}
	}
	tab.press("Enter", 13)
	tab.wait("the narrowed page", func() bool { return len(tab.seen("Page.loadEventFired")) > 1 })
	var rows int
	if tab.evaluate(`document.querySelectorAll("table.accounts tbody tr").length`, &rows); rows != 3 {
		t.Errorf("Failing leads to %d accounts, want 3", rows)
	}
}

// asOutline fails unless a screen reader finds its way: landmarks, headings in
// their order, and names for whatever can be used.
func asOutline(t *testing.T, tab *tab) {
	t.Helper()
	outline := tab.outline()
	roles := make(map[string]int)
	level := 0
	for _, n := range outline {
		roles[n.Role]++
		switch n.Role {
		case "heading":
			if n.Level > level+1 || n.Name == "" {
				t.Errorf("the heading %q of level %d follows one of level %d", n.Name, n.Level, level)
			}
			level = n.Level
		case "link", "button", "searchbox", "textbox", "combobox", "image", "img", "region", "search", "navigation", "table":
			if n.Name == "" && n.Role != "table" { // a table is in a region that has a name
				t.Errorf("a %s has no name", n.Role)
			}
		case "columnheader", "rowheader":
			if n.Name == "" {
				t.Errorf("a %s is empty", n.Role)
			}
		}
	}
	for _, want := range []string{"banner", "navigation", "main", "contentinfo"} {
		if roles[want] == 0 {
			t.Errorf("there is no %s among %v", want, roles)
		}
	}
	if roles["table"] > 0 && (roles["columnheader"] == 0 || roles["rowheader"] == 0) {
		t.Errorf("tables without headers: %v", roles)
	}
}
