package geelarktest_test

import (
	"encoding/json"
	"math"
	"testing"

	"geelark_exporter/geelark/geelarktest"
)

func TestBilling(t *testing.T) {
	s, _ := still(1)
	s.SetBilling(geelarktest.Billing{
		Balance: 1549.77, GiftMoney: 0, AvailableTimeAddOn: 10,
		Plan: 1, Profiles: 1000, AvailableProfiles: 160, MonthlyRental: 13, AvailableMonthlyRentals: 0,
		Parallels: 3, ExpirationTime: 1774596449, MonthlyFee: 777.4,
	})
	for endpoint, want := range map[string]string{
		"pay/wallet": `{"balance":1549.77,"giftMoney":0,"availableTimeAddOn":10}`,
		"pay/plan/info": `{"plan":1,"profiles":1000,"availableProfiles":160,"monthlyRental":13,` +
			`"availableMonthlyRentals":0,"parallels":3,"expirationTime":1774596449,"monthlyFee":777.4}`,
	} {
		t.Run(endpoint, func(t *testing.T) {
			equal(t, "data", call(t, s, endpoint, "{}").Data, json.RawMessage(want))
		})
	}
}

func TestBillingStartsPlausible(t *testing.T) {
	s, _ := still(100)
	b := s.Billing()
	if b.Balance <= 0 || b.Profiles-b.AvailableProfiles != 100 || b.ExpirationTime <= noon.Unix() {
		t.Errorf("%+v", b)
	}
}

func TestFiguresThatJSONCannotHoldAreNotAnswered(t *testing.T) {
	s, _ := still(0)
	s.SetBilling(geelarktest.Billing{Balance: math.NaN()})
	if resp, err := s.RoundTripper().RoundTrip(request(t, "pay/wallet", "{}")); err == nil {
		_ = resp.Body.Close()
		t.Error("it was answered")
	}
}
