package geelarktest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestASiteTellsItsAccountsApart(t *testing.T) {
	c := newClock()
	account := func(phones int, token string) *geelarktest.Server {
		return geelarktest.New(geelarktest.Config{Phones: phones, Now: c.Now, Token: token, Still: true})
	}
	site := geelarktest.Site{account(1, "token-x"), account(2, "token-y")}
	server := httptest.NewServer(site)
	defer server.Close()
	for name, transport := range map[string]http.RoundTripper{
		"in the process": site.RoundTripper(), "over a connection": server.Client().Transport,
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(token string) result {
				r := request(t, "phone/list", "{}")
				r.Header.Set("Authorization", "Bearer "+token)
				return performRequest(t, transport, server.URL, r)
			}
			for token, want := range map[string]string{"token-x": `"total":1`, "token-y": `"total":2`, "token-z": `"code":40003`} {
				if got := ask(token); !contains(got.body, want) {
					t.Errorf("%s: %s", token, got.body)
				}
			}
		})
	}
	equal(t, "requests", []int{site[0].Requests("phone/list"), site[1].Requests("phone/list")}, []int{4, 2})
	equal(t, "refusals", []int{site[0].Answered("", geelark.CodeSignature), site[1].Answered("", geelark.CodeSignature)}, []int{2, 0})

	site[0].SetTeam("phone/list", geelarktest.Team{Burst: 300, Every: time.Hour})
	for token, want := range map[string]string{"token-x": `"code":40007`, "token-y": `"code":0`} {
		r := request(t, "phone/list", "{}")
		r.Header.Set("Authorization", "Bearer "+token)
		if got := performRequest(t, site.RoundTripper(), server.URL, r); !contains(got.body, want) {
			t.Errorf("%s: %s", token, got.body)
		}
	}
}
