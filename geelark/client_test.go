package geelark

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBaseURLRules(t *testing.T) {
	const password = "hunter2"
	for in, want := range map[string]string{
		"https://openapi.geelark.com":            "https://openapi.geelark.com",
		"https://openapi.geelark.com/":           "https://openapi.geelark.com",
		"http://localhost:8080/api//":            "http://localhost:8080/api",
		"http://[::1]:8080":                      "http://[::1]:8080",
		"HTTPS://openapi.geelark.com":            "https://openapi.geelark.com",
		"https://OpenAPI.GeeLark.com":            "https://openapi.geelark.com",
		"https://openapi.geelark.com:443":        "https://openapi.geelark.com",
		"https://openapi.geelark.com:/":          "https://openapi.geelark.com",
		"http://openapi.geelark.com:80/":         "http://openapi.geelark.com",
		"http://openapi.geelark.com:443":         "http://openapi.geelark.com:443",
		"https://openapi.geelark.com/open/v1":    "https://openapi.geelark.com",
		"https://openapi.geelark.cn/open/v1/":    "https://openapi.geelark.cn",
		"https://openapi.geelark.com//open/v1//": "https://openapi.geelark.com",
		"https://gate.test/geelark/open/v1":      "https://gate.test/geelark",
		"https://gate.test/a%2Fb/open/v1":        "https://gate.test/a%2Fb",
		"https://gate.test/open/v1/x":            "https://gate.test/open/v1/x",
		"https://gate.test/reopen/v1":            "https://gate.test/reopen/v1",
		"https://openapi.geelark.com?":           "https://openapi.geelark.com",
		"":                                       "",
		"openapi.geelark.com":                    "",
		"https://":                               "",
		"https:///open":                          "",
		"https://:443":                           "",
		"ftp://openapi.geelark.com":              "",
		"unix:/run/api.sock":                     "",
		"https://api?key=" + password:            "",
		"https://api#" + password:                "",
		"https://" + password + "@api":           "",
		"https://u:" + password + "@":            "",
		"u:" + password + "@api":                 "",
		"https:/u:" + password + "@api":          "",
		"//u:" + password + "@api":               "",
		"https://u:" + password + "@api/%zz":     "",
		"https://u:" + password + "@api:port":    "",
		"https://u:" + password + "@api/\x7f":    "",
		"http:u:" + password + "@openapi":        "",
		"https://u%:" + password + "@openapi":    "",
		"https://api/u:" + password + "@x?y=%zz": "",
	} {
		u, err := ParseBaseURL(in)
		if want == "" {
			if err == nil {
				t.Errorf("%q was accepted", in)
			} else if strings.Contains(err.Error(), password) {
				t.Errorf("the password is in %q", err)
			}
			continue
		}
		if err != nil || u.String() != want {
			t.Errorf("%q: got %v, %v, want %s", in, u, err, want)
		}
	}
}

func TestAddressAsTheVendorsSDKsWriteItMeansTheSame(t *testing.T) {
	for _, base := range []string{"https://openapi.geelark.com", "https://openapi.geelark.com/open/v1", "https://openapi.geelark.com/open/v1/"} {
		s := play(answerBody(statusOK))
		mustAsk(t, newClient(t, s, WithBaseURL(base)))
		if got, want := s.requests()[0].url, "https://openapi.geelark.com/open/v1/phone/status"; got != want {
			t.Errorf("%s: got %s, want %s", base, got, want)
		}
	}
}

func TestPathOfTheBaseURLIsKept(t *testing.T) {
	for _, base := range []string{"https://gateway.example.com/geelark", "https://gateway.example.com/geelark/"} {
		s := play(answerBody(statusOK))
		mustAsk(t, newClient(t, s, WithBaseURL(base)))
		if got, want := s.requests()[0].url, "https://gateway.example.com/geelark/open/v1/phone/status"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOptionsOutOfBoundsAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		option Option
		want   string // in the error; none when it is good
	}{
		"address without a scheme":    {WithBaseURL("openapi.geelark.com"), "address"},
		"no timeout":                  {WithTimeout(0), "timeout"},
		"timeout below zero":          {WithTimeout(-time.Second), "timeout"},
		"the shortest timeout":        {WithTimeout(1), ""},
		"an address with credentials": {WithBaseURL("https://u:p@api"), "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := New(Credentials{Token: testToken}, NewBudgets(VendorLimits(), time.Now), test.option)
			if test.want == "" && (err != nil || c == nil) || test.want != "" && (err == nil || c != nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRequestIsAPostOfJSONWithAUserAgent(t *testing.T) {
	var mu sync.Mutex
	var agents []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		agents = append(agents, r.UserAgent())
		body, err := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || err != nil || !json.Valid(body) {
			t.Errorf("got %s %s %q, %v", r.Method, r.Header.Get("Content-Type"), body, err)
		}
		if r.ContentLength != int64(len(body)) {
			t.Errorf("the length is not told: %d", r.ContentLength)
		}
		_, _ = io.WriteString(w, statusOK)
	}))
	defer srv.Close()
	mustAsk(t, newSocketClient(t, srv.URL))
	mustAsk(t, newSocketClient(t, srv.URL, WithUserAgent("someone/1.2")))
	if want := []string{"geelark_exporter", "someone/1.2"}; !slices.Equal(agents, want) {
		t.Errorf("got %q, want %q", agents, want)
	}
}

func TestParametersThatCannotBeEncodedAreNotSent(t *testing.T) {
	s := play(answerBody(statusOK))
	var unsupported *json.UnsupportedTypeError
	if _, err := newClient(t, s).call(t.Context(), EndpointPhoneStatus, nil, make(chan int), &phoneStatusData{}); !errors.As(err, &unsupported) || len(s.requests()) != 0 {
		t.Errorf("got %v", err)
	}
}

// net/http reads the proxy's variables once in a process, so that a process of
// its own is needed to see them read.
func TestDefaultTransportHonoursTheProxyVariables(t *testing.T) {
	const variable = "GEELARK_TEST_BASE_URL"
	if base := os.Getenv(variable); base != "" {
		c, err := New(Credentials{Token: testToken}, NewBudgets(VendorLimits(), time.Now), WithBaseURL(base), WithRetries(0))
		if err != nil {
			t.Fatal(err)
		}
		t.Log(ask(t.Context(), c))
		c.CloseIdleConnections()
		return
	}
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			got := make(chan string, 1)
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got <- r.Method + " " + r.Host + " " + r.Header.Get("Authorization")
				http.Error(w, "no way", http.StatusForbidden)
			}))
			defer proxy.Close()
			cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()[:strings.Index(t.Name(), "/")]+"$")
			cmd.Env = append(os.Environ(),
				variable+"="+scheme+"://api.example.invalid", "NO_PROXY=", "no_proxy=",
				"HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "HTTPS_PROXY="+proxy.URL, "https_proxy="+proxy.URL)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := map[string]string{
				"http":  "POST api.example.invalid Bearer " + testToken,
				"https": "CONNECT api.example.invalid:443 ", // the token is for the API, not for the proxy
			}[scheme]
			select {
			case r := <-got:
				if r != want {
					t.Errorf("the proxy got %q, want %q", r, want)
				}
			default:
				t.Error("the proxy got nothing")
			}
		})
	}
}
