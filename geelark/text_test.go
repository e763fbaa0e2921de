package geelark

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestLongMessagesAreCutBetweenCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		strings.Repeat("a", 200): strings.Repeat("a", 200),
		strings.Repeat("a", 201): strings.Repeat("a", 200),
		strings.Repeat("错", 67):  strings.Repeat("错", 66),
		strings.Repeat(" ", 300): "",
		strings.Repeat("a", 198) + "\u202e\u202e": strings.Repeat("a", 198),
	} {
		if got := printable(in, 200); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}

func TestTextsOfAnAnswerAreMadePrintable(t *testing.T) {
	for in, want := range map[string]string{
		"成功, naïve, \U0001f600":     "成功, naïve, \U0001f600",
		"a\nb\tc\x00d\x1b[31me\x7f": "a b c d [31me",
		"a\u202eb\u2066c\u200fd":    "a b c d",
		"a\u2028b\u2029c\u0085d":    "a b c d",
		"a\u200bb\ufeffc\u00add":    "a b c d",
		"a\xffb\ufffdc":             "a b c",
		"\r\n a \r\n":               "a",
	} {
		quoted, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		_, err = newClient(t, play(answerBody(`{"code":40003,"msg":`+string(quoted)+`,"traceId":`+string(quoted)+`}`))).Wallet(t.Context())
		e, ok := errors.AsType[*APIError](err)
		if !ok || e.Message != want || e.TraceID != want {
			t.Errorf("%q became %q and %q, want %q", in, e.Message, e.TraceID, want)
		}
	}
}

func TestCredentialThatTheVendorEchoesIsHidden(t *testing.T) {
	for name, test := range map[string]struct {
		credentials Credentials
		echo        string
	}{
		"token":   {Credentials{Token: testToken}, testToken},
		"API key": {Credentials{AppID: testAppID, APIKey: testAPIKey}, testAPIKey},
	} {
		for where, body := range map[string]string{
			"message":               `{"code":40003,"msg":"refused: Bearer %s!","traceId":"t"}`,
			"message, over its cut": `{"code":40003,"msg":"` + strings.Repeat("x", 195) + `%s","traceId":"t"}`,
			"trace id":              `{"code":40003,"msg":"refused","traceId":"%s"}`,
		} {
			t.Run(name+" in the "+where, func(t *testing.T) {
				c := newClientFor(t, test.credentials, play(answerBody(fmt.Sprintf(body, test.echo))))
				_, err := c.Wallet(t.Context())
				var e *APIError
				if !errors.As(err, &e) || e.Code != CodeSignature {
					t.Fatal(err)
				}
				text := fmt.Sprintf("%v %+v %#v", err, e, e)
				wantNoSecret(t, text)
				if strings.Contains(text, test.echo[:5]) {
					t.Errorf("a part of it is in %s", text)
				}
				if !strings.Contains(text, "refused") && !strings.Contains(text, "xxx") {
					t.Errorf("the rest is lost: %s", text)
				}
			})
		}
	}
	if got := (Credentials{}).hide("anything"); got != "anything" {
		t.Error(got)
	}
}

func TestSecretIsHiddenInWhateverFormItIsEchoed(t *testing.T) {
	const token = "eyJhbGciOi+JIUzI1/NiIsInR5cCI6IkpX=VCJ9.c2VjcmV0"
	forms := map[string]string{
		"plain":                  token,
		"in capitals":            strings.ToUpper(token),
		"in small letters":       strings.ToLower(token),
		"percent-encoded":        url.QueryEscape(token),
		"percent-encoded, small": strings.ToLower(url.QueryEscape(token)),
		"in hexadecimal":         hex.EncodeToString([]byte(token)),
		"its first half":         token[:len(token)/2],
		"its second half":        token[len(token)/2:],
		"a part from the middle": token[7:31],
		"as little as is known":  token[10:18],
		"twice":                  token + token,
		"escaped in every letter": func() (s string) {
			for _, b := range []byte(token) {
				s += fmt.Sprintf("%%%02X", b)
			}
			return s
		}(),
	}
	for i := range 3 {
		around := "Basic user"[:i+1] + token + ":"
		forms[fmt.Sprint("in base64, ", i)] = base64.StdEncoding.EncodeToString([]byte(around))
		forms[fmt.Sprint("in base64 for addresses, ", i)] = base64.RawURLEncoding.EncodeToString([]byte(around))
	}
	for name, form := range forms {
		for where, before := range map[string]string{"": "", ", across the cut": strings.Repeat("x ", 95)} {
			quoted, err := json.Marshal(before + "got <" + form + ">, refused")
			if err != nil {
				t.Fatal(err)
			}
			c := newClientFor(t, Credentials{Token: token}, play(answerBody(`{"code":40003,"msg":`+string(quoted)+`,"traceId":`+string(quoted)+`}`)))
			_, err = c.Wallet(t.Context())
			e, ok := errors.AsType[*APIError](err)
			if !ok {
				t.Fatal(err)
			}
			for _, text := range []string{e.Message, e.TraceID} {
				for i := 0; i+8 <= len(form); i++ {
					if strings.Contains(text, form[i:i+8]) {
						t.Errorf("%s%s: %q is in %q", name, where, form[i:i+8], text)
						break
					}
				}
			}
			if where == "" && !strings.HasPrefix(e.Message, "got <") {
				t.Errorf("%s: the rest is lost: %q", name, e.Message)
			}
		}
	}
}

func TestEachPartOfASecretIsHidden(t *testing.T) {
	c := Credentials{Token: testToken, AppID: testAppID, APIKey: testAPIKey}
	for _, secret := range []string{testToken, testAPIKey} {
		forms := []string{secret}
		for before := range 3 {
			// What stands before and behind it changes two characters at each end.
			e := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), secret...))
			forms = append(forms, e[2:len(e)-2])
		}
		for _, form := range forms {
			for i := 0; i+recognized <= len(form); i++ {
				if got := c.hide("[" + form[i:i+recognized] + "]"); got != "["+hidden+"]" {
					t.Errorf("%q shows as %q", form[i:i+recognized], got)
				}
			}
		}
	}
}

func TestOrdinaryWordsAreNotHidden(t *testing.T) {
	const message = "signature error, token invalid, please check the request, traceId 0123456789abcdef"
	if got := (Credentials{Token: testToken}).hide(message); got != message {
		t.Errorf("got %q", got)
	}
}

func TestNothingOfASecretIsLeftAtTheEndsOfAText(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for _, secret := range []string{testToken, testAPIKey, alphabet} {
		c := Credentials{Token: Secret(secret)}
		for _, text := range []string{secret, strings.ToUpper(secret), strings.ToLower(secret), hex.EncodeToString([]byte(secret)), secret + secret} {
			if got := c.hide(text); got != hidden {
				t.Errorf("%q shows as %q", text, got)
			}
		}
	}
}

func TestLessThanEightCharactersAreNoPartOfASecret(t *testing.T) {
	encode := base64.RawStdEncoding.EncodeToString
	for _, test := range []struct {
		secret, text string
		hides        bool
	}{
		{testToken, testToken[3:11], true},
		{testToken, testToken[3:10], false},
		{"s3cret", "s3cret", true}, // unless it has no more
		{"s3cret", "s3cre", false},
		{"s3cret-9b", encode([]byte("s3cret-9b"))[2:10], true},
		{"s3cret-8", encode([]byte("s3cret-8"))[2:9], false},
	} {
		want := test.text
		if test.hides {
			want = hidden
		}
		if got := (Credentials{Token: Secret(test.secret)}).hide(test.text); got != want {
			t.Errorf("%q of %q shows as %q, want %q", test.text, test.secret, got, want)
		}
	}
}

func TestFourKiBOfATextAreLookedAt(t *testing.T) {
	for blanks, want := range map[int]string{4<<10 - 1: "x", 4 << 10: ""} {
		body := `{"code":40003,"msg":"` + strings.Repeat(" ", blanks) + `x"}`
		_, err := newClient(t, play(answerBody(body))).Wallet(t.Context())
		if e, ok := errors.AsType[*APIError](err); !ok || e.Message != want {
			t.Errorf("behind %d blanks: got %v, want %q", blanks, err, want)
		}
	}
}
