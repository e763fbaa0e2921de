package geelark

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDocumentedWallet(t *testing.T) {
	s := play(answerBody(`{"code":0,"msg":"success","traceId":"t","data":{"balance":123.45,"giftMoney":6.7,"availableTimeAddOn":8}}`))
	got, err := newClient(t, s).Wallet(t.Context())
	if want := (Wallet{Balance: 123.45, GiftBalance: 6.7, TimeAddOns: 8}); err != nil || *got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if r := s.requests()[0]; r.url != "https://openapi.geelark.com/open/v1/pay/wallet" || r.body != "{}" {
		t.Errorf("asked %+v", r)
	}
}

func TestDocumentedPlan(t *testing.T) {
	s := play(answerBody(`{"code":0,"data":{"plan":1,"profiles":100,"availableProfiles":7,"monthlyRental":30,"availableMonthlyRentals":2,"parallels":55,"expirationTime":1900000000,"monthlyFee":349.99}}`))
	got, err := newClient(t, s).PlanInfo(t.Context())
	want := PlanInfo{
		Plan: PlanPro, Profiles: 100, AvailableProfiles: 7, MonthlyRentals: 30, AvailableMonthlyRentals: 2,
		Parallels: 55, ExpirationTime: time.Unix(1_900_000_000, 0), MonthlyFee: 349.99,
	}
	if err != nil || *got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if r := s.requests()[0]; r.url != "https://openapi.geelark.com/open/v1/pay/plan/info" || r.body != "{}" {
		t.Errorf("asked %+v", r)
	}
}

func TestBillingDataInOtherForms(t *testing.T) {
	for data, want := range map[string]Wallet{
		`{"balance":0}`:                              {},
		`{"balance":-1e-2,"giftMoney":null}`:         {Balance: -.01},
		`{"balance":1,"availableTimeAddOn":"7"}`:     {Balance: 1, TimeAddOns: 7},
		`{"balance":1,"availableTimeAddOn":"seven"}`: {Balance: 1},
	} {
		got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).Wallet(t.Context())
		if err != nil || *got != want {
			t.Errorf("%s: got %+v, %v, want %+v", data, got, err, want)
		}
	}
	for data, want := range map[string]PlanInfo{
		`{"plan":0,"profiles":3,"availableProfiles":0}`:                                    {Profiles: 3},
		`{"plan":"1","profiles":"3","availableProfiles":"2","expirationTime":0}`:           {Plan: PlanPro, Profiles: 3, AvailableProfiles: 2},
		`{"plan":7,"profiles":0,"availableProfiles":0,"expirationTime":-1,"parallels":{}}`: {Plan: 7},
		`{"plan":0,"profiles":0,"availableProfiles":0,"expirationTime":"1900000000"}`:      {ExpirationTime: time.Unix(1_900_000_000, 0)},
	} {
		got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PlanInfo(t.Context())
		if err != nil || *got != want {
			t.Errorf("%s: got %+v, %v, want %+v", data, got, err, want)
		}
	}
}

func TestMalformedBillingDataIsRefused(t *testing.T) {
	for _, data := range []string{
		`{}`, `[]`, `null`, `7`, `{"balance":null}`, `{"balance":"12.5"}`, `{"balance":[]}`, `{"giftMoney":1}`, `{"balance":1,"giftMoney":"x"}`,
		`{"plan":null}`, `{"plan":"pro"}`, `{"plan":{}}`, `{"profiles":1}`, `{"plan":1,"monthlyFee":"x"}`,
		`{"plan":1,"profiles":3}`, `{"plan":1,"availableProfiles":3}`, `{"plan":1,"profiles":3,"availableProfiles":{}}`,
	} {
		c := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`)))
		wallet, err := c.Wallet(t.Context())
		wantReason(t, err, ReasonMalformed)
		plan, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PlanInfo(t.Context())
		wantReason(t, err, ReasonMalformed)
		if wallet != nil || plan != nil {
			t.Errorf("%s: got %+v, %+v", data, wallet, plan)
		}
	}
}

func TestPlanIsNamedInTheWordsOfLabels(t *testing.T) {
	for plan, want := range map[Plan]string{PlanBase: "base", PlanPro: "pro", 2: "unknown", -1: "unknown"} {
		if got := plan.String(); got != want {
			t.Errorf("%d: got %q, want %q", int(plan), got, want)
		}
	}
}

func TestBillingFailsAsEveryCallDoes(t *testing.T) {
	for _, code := range []Code{CodeSignature, CodePermission, CodePartial, CodeBatchFailed} {
		c := newClient(t, play(answerCode(code)))
		if w, err := c.Wallet(t.Context()); !errors.Is(err, code) || w != nil {
			t.Errorf("wallet: got %v, %v", w, err)
		}
		if p, err := c.PlanInfo(t.Context()); !errors.Is(err, code) || p != nil || !strings.HasPrefix(err.Error(), "pay/plan/info: ") {
			t.Errorf("plan: got %v, %v", p, err)
		}
	}
}

func TestPlanIsAskedForOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, play(answerBody(`{"code":0,"data":{"plan":1,"profiles":3,"availableProfiles":1}}`)))
		start := time.Now()
		for i := range 3 {
			if _, err := c.PlanInfo(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantElapsed(t, start, time.Duration(i)*(time.Minute+justOver))
		}
		_, err := c.PlanInfo(within(t, time.Second))
		wantNotSent(t, err)
	})
}

func TestOptionalIntegers(t *testing.T) {
	for in, want := range map[string]struct {
		or   int
		time int64 // Unix seconds, 0 for none
	}{
		`0`: {0, 0}, `7`: {7, 7}, `"7"`: {7, 7}, `-1`: {-1, 0}, `1900000000`: {1900000000, 1900000000},
		`null`: {-9, 0}, `""`: {-9, 0}, `"x"`: {-9, 0}, `1.5`: {-9, 0}, `1e3`: {-9, 0}, `{}`: {-9, 0}, `[1]`: {-9, 0}, `true`: {-9, 0},
		`99999999999999999999`: {-9, 0}, `"-99999999999999999999"`: {-9, 0},
	} {
		var i looseInt
		if err := i.UnmarshalJSON([]byte(in)); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if got := i.or(-9); got != want.or {
			t.Errorf("%s: got %d, want %d", in, got, want.or)
		}
		var at time.Time
		if want.time != 0 {
			at = time.Unix(want.time, 0)
		}
		if got := i.time(); !got.Equal(at) {
			t.Errorf("%s: got %s, want %s", in, got, at)
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
