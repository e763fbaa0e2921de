package geelarktest_test

import (
	"net/http"
	"testing"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// vector is the example of the document "Request Instructions".
func vector() map[string]string {
	return map[string]string{
		"appId":   "eH6gQR4oHr3FsZpI36La01IW",
		"traceId": "db6094ab-3797-4186-84d5-b0b58eebad56",
		"ts":      "1716972892166",
		"nonce":   "db6094",
		"sign":    "6280C080AF7C3CCE168F15C913E3444A00A618CB0E16038EED9811D6E3366BDD",
	}
}

func TestAuthentication(t *testing.T) {
	both := geelarktest.Config{
		Phones: 1, Now: newClock().Now, Token: token,
		AppID: "eH6gQR4oHr3FsZpI36La01IW", APIKey: "YjmFIUuq0oJgSDJ42fxLEb6R1qjjqf",
	}
	onlyKey, onlyToken := both, both
	onlyKey.Token = ""
	onlyToken.AppID, onlyToken.APIKey = "", ""

	bearer := func(value string) map[string]string {
		return map[string]string{"traceId": traceID, "Authorization": value}
	}
	with := func(name, value string) map[string]string {
		headers := vector()
		headers[name] = value
		return headers
	}
	tests := []struct {
		name    string
		config  geelarktest.Config
		headers map[string]string
		want    geelark.Code
	}{
		{"the token is accepted", both, bearer("Bearer token-1"), geelark.CodeOK},
		{"another token is refused", both, bearer("Bearer token-2"), geelark.CodeSignature},
		{"a token without Bearer is refused", both, bearer("token-1"), geelark.CodeSignature},
		{"the webhook's form of Bearer is refused", both, bearer("Bearer: token-1"), geelark.CodeSignature},
		{"an empty token is refused", both, bearer("Bearer "), geelark.CodeSignature},
		{"token mode is refused without a token", onlyKey, bearer("Bearer "), geelark.CodeSignature},
		{"the documented signature is accepted", both, vector(), geelark.CodeOK},
		{"a signature is accepted without a token", onlyKey, vector(), geelark.CodeOK},
		{"key mode is refused without a key", onlyToken, vector(), geelark.CodeSignature},
		{"another appId is refused", both, with("appId", "another"), geelark.CodeSignature},
		{
			"a lower-case signature is refused", both,
			with("sign", "6280c080af7c3cce168f15c913e3444a00a618cb0e16038eed9811d6e3366bdd"), geelark.CodeSignature,
		},
		{"an empty signature is refused", both, with("sign", ""), geelark.CodeSignature},
		{"a nonce of another traceId is refused", both, with("nonce", "db6095"), geelark.CodeSignature},
		{"a nonce of the whole traceId is refused", both, with("nonce", vector()["traceId"]), geelark.CodeSignature},
		{"a signature of another time is refused", both, with("ts", "1716972892167"), geelark.CodeSignature},
		{"a ts that is no integer is refused", both, with("ts", "1716972892166.0"), geelark.CodeSignature},
		{"a missing ts is refused", both, with("ts", ""), geelark.CodeSignature},
		{"a correctly signed ts in seconds is refused", both, map[string]string{
			"appId": "eH6gQR4oHr3FsZpI36La01IW", "traceId": "abc", "ts": "1716972892", "nonce": "abc",
			"sign": "D57887EF24967A44F2BCBDD504703575BDA96D75949DA0572FCFA9446C470078",
		}, geelark.CodeSignature},
		{"a signature over an empty traceId is refused as having none", both, with("traceId", ""), geelark.CodeNoTraceID},
		{
			"a token without a traceId is refused as having none", both,
			map[string]string{"Authorization": "Bearer token-1"},
			geelark.CodeNoTraceID,
		},
		{"a dashed traceId is accepted", both, map[string]string{
			"traceId": "db6094ab-3797-4186-84d5-b0b58eebad56", "Authorization": "Bearer token-1",
		}, geelark.CodeOK},
		{"any other traceId is accepted", both, map[string]string{"traceId": "x", "Authorization": "Bearer token-1"}, geelark.CodeOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(t, "phone/list", "{}")
			r.Header = http.Header{}
			for name, value := range tt.headers {
				r.Header[name] = []string{value} // spelled as documented, not as Go would
			}
			a := send(t, geelarktest.New(tt.config), r)
			if a.Code != tt.want {
				t.Errorf("got %v, want %v", a.Code, tt.want)
			}
			if want := tt.headers["traceId"]; want != "" && a.TraceID != want {
				t.Errorf("the answer's traceId is %q, the request's %q", a.TraceID, want)
			}
			if len(a.TraceID) == 0 {
				t.Error("the answer has no traceId")
			}
		})
	}
}

func TestRotatedCredentialsReplaceTheOldOnes(t *testing.T) {
	s, _ := still(1)
	s.SetCredentials("token-2", "", "")
	equal(t, "old token", call(t, s, "phone/list", "{}").Code, geelark.CodeSignature)
	r := request(t, "phone/list", "{}")
	r.Header.Set("Authorization", "Bearer token-2")
	equal(t, "new token", send(t, s, r).Code, geelark.CodeOK)
}
