package geelarktest_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// TestOtherClients sends what the vendor's command-line client and the users'
// SDKs were seen to send, over a connection: the command-line client in token
// mode, the SDKs in key mode with the signature that they compute.
func TestOtherClients(t *testing.T) {
	const appID, apiKey, ts = "app-1", "key-1", "1772366400000"
	signed := func(traceID string) map[string]string {
		nonce := traceID[:6]
		return map[string]string{
			"appId": appID, "traceId": traceID, "ts": ts, "nonce": nonce,
			"sign": fmt.Sprintf("%X", sha256.Sum256([]byte(appID+traceID+ts+nonce+apiKey))),
		}
	}
	clients := []struct {
		name     string
		headers  map[string]string
		requests []struct{ endpoint, body string }
	}{
		{
			"the vendor's command-line client",
			map[string]string{
				"traceId": "5B2D8C8C4E0F4B0C9C0B6A0D4F6E2A11", "Authorization": "Bearer " + token,
				"geelark-cli": "dev", "User-Agent": "Go-http-client/1.1",
			},
			[]struct{ endpoint, body string }{
				{"auth/status", `{}`},
				{"group/list", `{"page":1,"pageSize":10}`},
				{"group/list", `{"names":["farm-1","qa"],"page":1,"pageSize":10}`},
				{"tag/list", `{"page":1,"pageSize":10}`},
				{"tag/list", `{"colors":["red"],"names":["shop"],"page":1,"pageSize":10}`},
				{"proxy/list", `{"page":1,"pageSize":10}`},
				{"pay/profiles/list", `{}`},
				{"phone/list", `{"page":1,"pageSize":10}`},
				{"phone/list", `{"chargeMode":1,"groupName":"farm-1","openStatus":0,"page":1,"pageSize":100,"proxyIds":["1"],"remark":"x","serialName":"farm","serialNos":["1","2"],"tags":["shop","ads"]}`},
				{"phone/list", `{"ids":["ID"],"page":1,"pageSize":10}`},
				{"phone/status", `{"ids":["ID"]}`},
				{"phone/start", `{"center":1,"energySavingMode":1,"ids":["ID"],"materialTagIds":["1"],"width":480}`},
				{"phone/stop", `{"ids":["ID"]}`},
				{"pay/wallet", `{}`},
				{"pay/plan/info", `{}`},
				{"callback/set", `{"url":"https://example.com/callback"}`},
				{"callback/get", `{}`},
			},
		},
		{
			"the TypeScript SDK",
			signed("93C1E04A5B8D4C0FA1B2C3D4E5F60718"),
			[]struct{ endpoint, body string }{
				{"phone/list", `{"page":1,"pageSize":10}`},
				{"phone/list", `{"page":1,"pageSize":10,"serialName":"farm","tags":["shop"],"openStatus":1}`},
				{"phone/status", `{"ids":["ID"]}`},
				{"phone/start", `{"ids":["ID"]}`},
				{"phone/stop", `{"ids":["ID"]}`},
				{"pay/wallet", `{}`},
				{"callback/set", `{"url":"https://example.com/callback"}`},
				{"callback/get", `{}`},
			},
		},
		{
			"the Python SDK",
			signed("0f3a6b0de7a94cf7a4a2a9b6f5d3c1e8"),
			[]struct{ endpoint, body string }{
				{"phone/list", `{"page":1,"pageSize":10}`},
				{"phone/status", `{"ids":["ID"]}`},
				{"phone/start", `{"ids":["ID"]}`},
				{"phone/stop", `{"ids":["ID"]}`},
				{"pay/wallet", `{}`},
				{"pay/plan/info", `{}`},
			},
		},
		{
			"a script that sends no body",
			map[string]string{"traceId": "db6094ab-3797-4186-84d5-b0b58eebad56", "Authorization": "Bearer " + token},
			[]struct{ endpoint, body string }{
				{"phone/list", ``},
				{"pay/wallet", ``},
				{"pay/plan/info", ``},
			},
		},
	}
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			s := geelarktest.New(geelarktest.Config{
				Phones: 10, Now: newClock().Now, Token: token, AppID: appID, APIKey: apiKey, Still: true,
			})
			server := httptest.NewServer(s)
			defer server.Close()
			id := pick(t, s, func(p geelarktest.Phone) bool { return p.Status == 2 }).ID
			for _, request := range client.requests {
				body := strings.ReplaceAll(request.body, "ID", id)
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/open/v1/"+request.endpoint, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				for name, value := range client.headers {
					r.Header.Set(name, value)
				}
				resp, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" ||
					!strings.Contains(string(raw), `"code":0,"msg":"success"`) || strings.Contains(string(raw), `"failAmount":1`) {
					t.Errorf("%s %s: %v %s %s", request.endpoint, body, err, resp.Status, raw)
				}
			}
			equal(t, "successes", s.Answered("", geelark.CodeOK), len(client.requests))
		})
	}
}
