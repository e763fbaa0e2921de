package geelark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSignatureIsTheDocumentedOne(t *testing.T) {
	got := signature(testAppID, testTraceID, "1716972892166", "db6094", testAPIKey)
	if want := "6280C080AF7C3CCE168F15C913E3444A00A618CB0E16038EED9811D6E3366BDD"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequestCarriesTheHeadersOfItsMode(t *testing.T) {
	at := time.UnixMilli(1716972892166)
	for name, test := range map[string]struct {
		credentials Credentials
		want        map[string]string
		absent      []string
	}{
		"token": {
			Credentials{Token: testToken},
			map[string]string{"traceId": testTraceID, "Authorization": "Bearer " + testToken},
			[]string{"appId", "ts", "nonce", "sign"},
		},
		"key": {
			Credentials{AppID: testAppID, APIKey: testAPIKey},
			map[string]string{
				"appId": testAppID, "traceId": testTraceID, "ts": "1716972892166", "nonce": "db6094",
				"sign": "6280C080AF7C3CCE168F15C913E3444A00A618CB0E16038EED9811D6E3366BDD",
			},
			[]string{"Authorization"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(answerBody(statusOK))
			c := newClientFor(t, test.credentials, s, WithClock(func() time.Time { return at }))
			mustAsk(t, c)
			h := s.requests()[0].header
			for k, want := range test.want {
				if got := h.Get(k); got != want {
					t.Errorf("header %s is %q, want %q", k, got, want)
				}
			}
			for _, k := range test.absent {
				if got := h.Values(k); got != nil {
					t.Errorf("header %s is sent: %q", k, got)
				}
			}
		})
	}
}

func TestShortTraceIDIsItsOwnNonce(t *testing.T) {
	h := http.Header{}
	Credentials{AppID: "a", APIKey: "k"}.sign(h, "abc", time.UnixMilli(1))
	if got := h.Get("nonce"); got != "abc" {
		t.Errorf("got nonce %q", got)
	}
}

func TestEveryRequestHasItsOwnVersion4TraceID(t *testing.T) {
	s := play(answerBody(statusOK))
	c, err := New(Credentials{Token: testToken}, NewBudgets(VendorLimits(), time.Now), WithTransport(s))
	if err != nil {
		t.Fatal(err)
	}
	mustAsk(t, c)
	mustAsk(t, c)
	r := s.requests()
	first, second := r[0].header.Get("traceId"), r[1].header.Get("traceId")
	if len(first) != 36 || first[14] != '4' || first == second {
		t.Errorf("got trace ids %q and %q", first, second)
	}
}

func TestCredentialsAreAskedForBeforeEveryRequest(t *testing.T) {
	tokenFile, keyFile := writeFile(t, "first"), writeFile(t, "first")
	for name, test := range map[string]struct {
		source CredentialSource
		file   string
	}{
		"token": {TokenFile(tokenFile), tokenFile},
		"key":   {APIKeyFile{AppID: testAppID, File: keyFile}, keyFile},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.UnixMilli(1716972892166)
			rotate := func(secret string, then step) step {
				return func(r *http.Request) (*http.Response, error) {
					if err := os.WriteFile(test.file, []byte(secret), 0o600); err != nil {
						t.Error(err)
					}
					return then(r)
				}
			}
			s := play(
				rotate("second", answerBody(statusOK)),
				rotate("third", answerCode(CodeInternal)),
				answerBody(statusOK),
			)
			c := newClientFor(t, test.source, s, WithClock(func() time.Time { return at }))
			mustAsk(t, c)
			mustAsk(t, c)
			want := []string{"first", "second", "third"}
			for i, r := range s.requests() {
				got, expect := r.header.Get("Authorization"), "Bearer "+want[i]
				if name == "key" {
					got, expect = r.header.Get("sign"), signature(testAppID, testTraceID, "1716972892166", "db6094", want[i])
				}
				if got != expect {
					t.Errorf("request %d was not made with the secret %q: %q", i+1, want[i], got)
				}
			}
			if n := len(s.requests()); n != len(want) {
				t.Errorf("%d requests, want %d", n, len(want))
			}
		})
	}
}

func TestSecretFileMayHaveWhiteSpaceAround(t *testing.T) {
	for name, content := range map[string]string{
		"nothing around":       "s3cret",
		"line feed":            "s3cret\n",
		"carriage return":      "s3cret\r\n",
		"blanks on both sides": " \t\n s3cret \n\n",
		"byte order mark":      "\ufeffs3cret\r\n",
		"all of them":          "\n\ufeff \u00a0s3cret\u3000\ufeff\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := writeFile(t, content)
			if got, err := TokenFile(file).Credentials(t.Context()); err != nil || got != (Credentials{Token: "s3cret"}) {
				t.Errorf("token: got %q, %v", string(got.Token), err)
			}
			if got, err := (APIKeyFile{AppID: "app", File: file}).Credentials(t.Context()); err != nil || got != (Credentials{AppID: "app", APIKey: "s3cret"}) {
				t.Errorf("key: got %q, %v", string(got.APIKey), err)
			}
		})
	}
}

func TestUnusableSecretFileIsRefusedByNameWithoutItsContent(t *testing.T) {
	for name, test := range map[string]struct{ file, says string }{
		"missing":       {filepath.Join(t.TempDir(), "secret-file"), "no such file"},
		"empty":         {writeFile(t, ""), "is empty: it must hold the secret"},
		"white space":   {writeFile(t, " \r\n\t\n"), "is empty: it must hold the secret"},
		"several lines": {writeFile(t, "s3cret\ns3cret-too\n"), "has several lines"},
		"blank inside":  {writeFile(t, "s3cret s3cret"), "holds blanks"},
		"not ASCII":     {writeFile(t, "s3cret\u00e9"), "not ASCII"},
		"UTF-16":        {writeFile(t, "\xff\xfes\x003\x00c\x00r\x00e\x00t\x00"), "in UTF-16"},
		"in quotes":     {writeFile(t, "\"s3cret\"\n"), "stands in quotes"},
		"control":       {writeFile(t, "s3cret\x00"), "holds NUL"},
		"far too large": {writeFile(t, strings.Repeat("s3cret", 20000)), "it must hold the secret and nothing else"},
		"a directory":   {t.TempDir(), "regular"},
	} {
		t.Run(name, func(t *testing.T) {
			file := test.file
			for _, source := range []CredentialSource{TokenFile(file), APIKeyFile{AppID: "app", File: file}} {
				got, err := source.Credentials(t.Context())
				if err == nil || got != (Credentials{}) {
					t.Fatalf("%T was accepted", source)
				}
				if !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%T: %v", source, err)
				}
				s := play(answerBody(statusOK))
				err = ask(t.Context(), newClientFor(t, source, s))
				var ce *CredentialsError
				if !errors.As(err, &ce) || !strings.Contains(err.Error(), file) || len(s.requests()) != 0 {
					t.Errorf("%T: got %v and %d requests", source, err, len(s.requests()))
				}
			}
		})
	}
}

func TestASecretFileHas64KiBAtMost(t *testing.T) {
	for size, good := range map[int]bool{64 << 10: true, 64<<10 + 1: false} {
		if _, err := TokenFile(writeFile(t, strings.Repeat("s", size))).Credentials(t.Context()); (err == nil) != good {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestAFileThatIsMissingIsNamedUnlessItsNameMayBeASecret(t *testing.T) {
	for name, secret := range map[string]bool{
		"token":                    false,
		"abcdefghijklmnopqrstuvw1": true, // 24 characters
		"abcdefghijklmnopqrstuv1":  false,
		"abcdefghijklmnopqrstuvw0": true,
		"abcdefghijklmnopqrstuvw9": true,
		"abcdefghijklmnopqrstuvwx": false,
		testAPIKey:                 true,
	} {
		for where, file := range map[string]string{"here": name, "in a directory": filepath.Join(t.TempDir(), name)} {
			_, err := TokenFile(file).Credentials(t.Context())
			if err == nil || strings.Contains(err.Error(), name) == secret || secret && !strings.Contains(err.Error(), "looks like a secret itself: name the file that holds it") {
				t.Errorf("%s, %s: %v", name, where, err)
			}
		}
	}
	long := writeFile(t, "s3cret")
	there := filepath.Join(filepath.Dir(long), testAPIKey)
	if err := os.Rename(long, there); err != nil {
		t.Fatal(err)
	}
	if c, err := TokenFile(there).Credentials(t.Context()); err != nil || c.Token != "s3cret" {
		t.Errorf("a file of such a name that is there: %v", err)
	}
}

func TestCredentialsMustBeWholeAndOfOneMode(t *testing.T) {
	for name, test := range map[string]struct {
		c    Credentials
		want string
	}{
		"a token":                     {Credentials{Token: "t"}, ""},
		"an app id and a key":         {Credentials{AppID: "a", APIKey: "k"}, ""},
		"nothing":                     {Credentials{}, "neither"},
		"a token and a key":           {Credentials{Token: "t", APIKey: "k"}, "both"},
		"a token and an app id":       {Credentials{Token: "t", AppID: "a"}, "both"},
		"an app id alone":             {Credentials{AppID: "a"}, "without an API key"},
		"a key alone":                 {Credentials{APIKey: "k"}, "without an app id"},
		"a token with a line feed":    {Credentials{Token: "t\n"}, ""},
		"a token with a mark":         {Credentials{Token: "\ufefft"}, ""},
		"an app id in blanks":         {Credentials{AppID: " a\t", APIKey: "\r\nk"}, ""},
		"a key with a blank":          {Credentials{AppID: "a", APIKey: "k k"}, "the API key holds blanks"},
		"a key with a wide blank":     {Credentials{AppID: "a", APIKey: "k\u3000k"}, "the API key holds blanks"},
		"a token of two lines":        {Credentials{Token: "t\r\nt"}, "the token has several lines"},
		"a token with its scheme":     {Credentials{Token: "Bearer t"}, "the token holds blanks"},
		"an app id with DEL":          {Credentials{AppID: "a\x7f", APIKey: "k"}, "the app id holds control characters"},
		"a token with a control":      {Credentials{Token: "t\x01t"}, "the token holds control characters"},
		"a token that is not ASCII":   {Credentials{Token: "é"}, "the token holds characters that are not ASCII"},
		"a token with a mark within":  {Credentials{Token: "t\ufefft"}, "the token holds characters that are not ASCII"},
		"a token in quotes":           {Credentials{Token: `"t"`}, "the token stands in quotes"},
		"a key in single quotes":      {Credentials{AppID: "a", APIKey: `'k'`}, "the API key stands in quotes"},
		"a key with half its quotes":  {Credentials{AppID: "a", APIKey: `"k`}, "the API key stands in quotes"},
		"a token with a NUL":          {Credentials{Token: "to\x00ken"}, "the token holds NUL characters"},
		"a token in UTF-16":           {Credentials{Token: "\xff\xfet\x00"}, "the token is in UTF-16"},
		"a token in UTF-16, reversed": {Credentials{Token: "\xfe\xff\x00t"}, "the token is in UTF-16"},
		"a token in UTF-16, no mark":  {Credentials{Token: "t\x00o\x00k\x00"}, "the token is in UTF-16"},
		"the same, reversed":          {Credentials{Token: "\x00t\x00o\x00k"}, "the token is in UTF-16"},
		"one character in UTF-16":     {Credentials{Token: "t\x00"}, "the token is in UTF-16"},
		"the same of it, reversed":    {Credentials{Token: "\x00t"}, "the token is in UTF-16"},
		"a key with its last quote":   {Credentials{AppID: "a", APIKey: "k'"}, "the API key stands in quotes"},
		"a key with a quote within":   {Credentials{AppID: "a", APIKey: "k'ey"}, ""},
		"a token of one NUL":          {Credentials{Token: "\x00"}, "the token holds NUL characters"},
		"blanks alone":                {Credentials{Token: " \n"}, "neither"},
		"a token with all characters": {Credentials{Token: "!~azAZ09-._~+/="}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.c.Credentials(t.Context())
			if trimmed := got; err == nil && trimmed.Trimmed() != trimmed {
				t.Errorf("got %q, %q, %q", string(got.Token), got.AppID, string(got.APIKey))
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestSecretNeverPrints(t *testing.T) {
	credentials := Credentials{Token: testToken, APIKey: testAPIKey}
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"}
	for _, verb := range verbs {
		if got := fmt.Sprintf(verb, Secret(testToken)); got != "<secret>" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if got := Secret(testToken).String() + Secret(testToken).GoString(); got != "<secret><secret>" {
		t.Error(got)
	}
	for name, holder := range map[string]any{
		"credentials":       credentials,
		"pointer":           &credentials,
		"slice":             []Secret{testToken, testAPIKey},
		"map":               map[string]Secret{"key": testAPIKey},
		"struct":            struct{ C Credentials }{credentials},
		"source":            struct{ S CredentialSource }{credentials},
		"client":            newClientFor(t, credentials, play(hang)),
		"client as a value": *newClientFor(t, credentials, play(hang)),
	} {
		t.Run(name, func(t *testing.T) {
			for _, verb := range verbs {
				wantNoSecret(t, fmt.Sprintf(verb, holder))
			}
			if strings.HasPrefix(name, "client") {
				return
			}
			b, err := json.Marshal(holder)
			if err != nil {
				t.Fatal(err)
			}
			wantNoSecret(t, string(b))
			// encoding/json writes < as \u003c.
			if !strings.Contains(string(b), `\u003csecret\u003e`) {
				t.Errorf("got %s", b)
			}
		})
	}
}

func wantNoSecret(t *testing.T, s string) {
	t.Helper()
	for _, secret := range []string{testToken, testAPIKey} {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
			if strings.Contains(s, form) {
				t.Errorf("the secret is in %s", s)
			}
		}
	}
}

func TestNoErrorHoldsASecret(t *testing.T) {
	for name, s := range map[string]step{
		"transport": failWith(errors.New("connection reset")),
		"status":    answerStatus(http.StatusBadGateway),
		"code":      answerCode(CodeSignature),
		"malformed": answerBody(`{"code":0}`),
		"paused":    answerCode(CodeHourLimit),
	} {
		for mode, credentials := range map[string]Credentials{
			"token": {Token: testToken},
			"key":   {AppID: testAppID, APIKey: testAPIKey},
		} {
			t.Run(name+" in "+mode+" mode", func(t *testing.T) {
				c := newClientFor(t, credentials, play(s), WithRetries(0))
				for range 2 {
					err := ask(within(t, time.Minute), c)
					if err == nil {
						t.Fatal("no error")
					}
					for e := err; e != nil; e = errors.Unwrap(e) {
						wantNoSecret(t, fmt.Sprintf("%v %+v %#v", e, e, e))
					}
				}
			})
		}
	}
}

// stuckSource gives no credentials before it is given up.
type stuckSource struct{}

func (stuckSource) Credentials(ctx context.Context) (Credentials, error) {
	<-ctx.Done()
	return Credentials{}, context.Cause(ctx)
}

func TestACallerThatGivesUpDoesNotWaitForCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerBody(statusOK))
		c := newClientFor(t, stuckSource{}, s)
		start := time.Now()
		if err := ask(within(t, time.Second), c); !errors.Is(err, ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantElapsed(t, start, time.Second)
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("SIGTERM")
		time.AfterFunc(time.Second, func() { cancel(reason) })
		if err := ask(ctx, c); !errors.Is(err, ErrNotSent) || !errors.Is(err, reason) {
			t.Errorf("got %v", err)
		}
		wantElapsed(t, start, 2*time.Second)
		if b := c.Budget(EndpointPhoneStatus); b.InFlight != 0 || len(s.requests()) != 0 {
			t.Errorf("%d requests, %+v", len(s.requests()), b)
		}
	})
}
