package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestThePageNamesWhatTheUserSets(t *testing.T) {
	t.Parallel()
	api, url := simulate(t, 3)
	api.SetCredentials("another", "", "")
	p := exporterOf(t, url)
	p.scrape()
	a := p.get("/")
	if want := "Check the token of $GEELARK_TOKEN:"; a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
		t.Errorf("the page does not say %q: %s", want, a.body)
	}
}

func TestEverySettingThatThePageNamesIsAFlag(t *testing.T) {
	app, f := newApp()
	for _, field := range []string{"name", "app_id", "phones.ids", "phones.ids_file", "cache_ttl"} {
		if name := strings.TrimPrefix(f.nameOf(field), "--"); app.GetFlag(name) == nil {
			t.Errorf("%s is called --%s, which is no flag", field, name)
		}
	}
	f.configFile = "accounts.yml"
	if name := f.nameOf("base_url"); name != "" {
		t.Errorf("with a file, base_url is called %s", name)
	}
}
