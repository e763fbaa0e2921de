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
	if want := (Wallet{Balance: Some(123.45), GiftBalance: Some(6.7), TimeAddOns: Some(8 * time.Minute)}); err != nil || *got != want {
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
		Plan: Some(PlanPro), Profiles: Some(100), AvailableProfiles: Some(7), MonthlyRentals: Some(30), AvailableMonthlyRentals: Some(2),
		Parallels: Some(55), ExpirationTime: time.Unix(1_900_000_000, 0), MonthlyFee: Some(349.99),
	}
	if err != nil || *got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if r := s.requests()[0]; r.url != "https://openapi.geelark.com/open/v1/pay/plan/info" || r.body != "{}" {
		t.Errorf("asked %+v", r)
	}
}

func TestWhatBillingLeavesOutIsAbsent(t *testing.T) {
	end := time.Unix(1_900_000_000, 0)
	for data, want := range map[string]Wallet{
		`{"balance":0}`:                                    {Balance: Some(0.0)},
		`{"giftMoney":1}`:                                  {GiftBalance: Some(1.0)},
		`{"availableTimeAddOn":90}`:                        {TimeAddOns: Some(90 * time.Minute)},
		`{"balance":-1e-2,"giftMoney":null}`:               {Balance: Some(-.01)},
		`{"balance":null,"giftMoney":0}`:                   {GiftBalance: Some(0.0)},
		`{"balance":"12.5","availableTimeAddOn":"7"}`:      {Balance: Some(12.5), TimeAddOns: Some(7 * time.Minute)},
		`{"balance":1,"availableTimeAddOn":10.0}`:          {Balance: Some(1.0), TimeAddOns: Some(10 * time.Minute)},
		`{"balance":1,"availableTimeAddOn":1e1}`:           {Balance: Some(1.0), TimeAddOns: Some(10 * time.Minute)},
		`{"balance":1,"availableTimeAddOn":0}`:             {Balance: Some(1.0), TimeAddOns: Some(time.Duration(0))},
		`{"balance":1,"availableTimeAddOn":-1}`:            {Balance: Some(1.0)},
		`{"balance":1,"availableTimeAddOn":153722868}`:     {Balance: Some(1.0)},
		`{"balance":1,"availableTimeAddOn":"seven"}`:       {Balance: Some(1.0)},
		`{"balance":1,"availableTimeAddOn":{},"more":[1]}`: {Balance: Some(1.0)},
		`{"balance":1,"giftMoney":"x"}`:                    {Balance: Some(1.0)},
		`{"balance":1,"giftMoney":1e999}`:                  {Balance: Some(1.0)},
		`{"balance":1,"giftMoney":true}`:                   {Balance: Some(1.0)},
		`{"balance":1,"giftMoney":"0x10"}`:                 {Balance: Some(1.0)},
		`{"balance":1,"giftMoney":"NaN"}`:                  {Balance: Some(1.0)},
	} {
		got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).Wallet(t.Context())
		if err != nil || *got != want {
			t.Errorf("%s: got %+v, %v, want %+v", data, got, err, want)
		}
	}
	for data, want := range map[string]PlanInfo{
		`{"plan":0}`: {Plan: Some(PlanBase)},
		`{"plan":0,"profiles":3,"availableProfiles":0}`:                             {Plan: Some(PlanBase), Profiles: Some(3), AvailableProfiles: Some(0)},
		`{"plan":"1","profiles":"3","parallels":"2","expirationTime":0}`:            {Plan: Some(PlanPro), Profiles: Some(3), Parallels: Some(2)},
		`{"plan":7,"expirationTime":-1,"parallels":{},"monthlyFee":null}`:           {Plan: Some(Plan(7))},
		`{"plan":null,"expirationTime":"1900000000"}`:                               {ExpirationTime: end},
		`{"profiles":1.0,"expirationTime":1.9e9}`:                                   {Profiles: Some(1), ExpirationTime: end},
		`{"profiles":1.5,"monthlyRental":1,"availableMonthlyRentals":null}`:         {MonthlyRentals: Some(1)},
		`{"availableMonthlyRentals":0,"expirationTime":9223372036854775807}`:        {AvailableMonthlyRentals: Some(0)},
		`{"availableMonthlyRentals":0,"expirationTime":9.223372036854775807e18}`:    {AvailableMonthlyRentals: Some(0)},
		`{"availableMonthlyRentals":0,"expirationTime":1900000000000}`:              {AvailableMonthlyRentals: Some(0)},
		`{"monthlyFee":"349.99","expirationTime":99999999999999999999999}`:          {MonthlyFee: Some(349.99)},
		`{"monthlyFee":0,"expirationTime":-9223372036854775808,"parallels":"many"}`: {MonthlyFee: Some(0.0)},
	} {
		got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PlanInfo(t.Context())
		if err != nil || *got != want {
			t.Errorf("%s: got %+v, %v, want %+v", data, got, err, want)
		}
	}
}

func TestBillingDataThatTellsNothingIsRefused(t *testing.T) {
	for _, data := range []string{
		`{}`, `[]`, `null`, `7`, `"text"`, `{"balance":null}`, `{"balance":[]}`, `{"plan":null}`, `{"plan":"pro"}`, `{"plan":{}}`,
		`{"Balance":1,"Plan":1}`, `[{"balance":1,"plan":1}]`, `{"data":{"balance":1,"plan":1}}`,
	} {
		wallet, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).Wallet(t.Context())
		wantReason(t, err, ReasonMalformed)
		plan, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PlanInfo(t.Context())
		wantReason(t, err, ReasonMalformed)
		if wallet != nil || plan != nil {
			t.Errorf("%s: got %+v, %+v", data, wallet, plan)
		}
	}
}

func TestBillingIsNoBatch(t *testing.T) {
	for _, code := range []Code{CodePartial, CodeBatchFailed, CodeSignature} {
		c := newClient(t, play(answerBody(fmt.Sprintf(`{"code":%d,"data":{"balance":1,"plan":1}}`, int(code)))))
		if w, err := c.Wallet(t.Context()); !errors.Is(err, code) || w != nil {
			t.Errorf("wallet: got %v, %v", w, err)
		}
		if p, err := c.PlanInfo(t.Context()); !errors.Is(err, code) || p != nil {
			t.Errorf("plan: got %v, %v", p, err)
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
