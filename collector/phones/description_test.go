package phones

import (
	"slices"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// The values of a field that phones have in common, by what the listing tells.
func TestAListedPhoneIsDescribed(t *testing.T) {
	flags := map[Flag]geelark.Optional[bool]{Unknown: {}, No: geelark.Some(false), Yes: geelark.Some(true)}
	for want, told := range flags {
		if d := describe(geelark.ListedPhone{Phone: geelark.Phone{Bound: told}}); d.Traits().Bound != want || d.RPARunning != Unknown {
			t.Errorf("bound, %s told: %s, a task runs: %s", want, d.Traits().Bound, d.RPARunning)
		}
		if d := describe(geelark.ListedPhone{Phone: geelark.Phone{RPARunning: told}}); d.RPARunning != want || d.Traits().Bound != Unknown {
			t.Errorf("a task runs, %s told: %s, bound: %s", want, d.RPARunning, d.Traits().Bound)
		}
	}
	for _, tt := range []struct {
		told geelark.Optional[geelark.NetType]
		want string
	}{
		{geelark.Optional[geelark.NetType]{}, ""},
		{geelark.Some(geelark.NetWiFi), geelark.NetWiFi.String()},
		{geelark.Some(geelark.NetMobile), geelark.NetMobile.String()},
		{geelark.Some(geelark.NetType(7)), ""},
	} {
		if d := describe(geelark.ListedPhone{Phone: geelark.Phone{NetType: tt.told}}); d.Traits().NetworkType != tt.want {
			t.Errorf("network %v: %q, want %q", tt.told, d.Traits().NetworkType, tt.want)
		}
	}
	for _, tt := range []struct {
		told geelark.Optional[geelark.ChargeMode]
		want geelark.ChargeMode
	}{
		{geelark.Optional[geelark.ChargeMode]{}, -1}, {geelark.Some(geelark.ChargeMode(0)), 0}, {geelark.Some(geelark.ChargeMode(1)), 1},
	} {
		if d := describe(geelark.ListedPhone{Phone: geelark.Phone{ChargeMode: tt.told}}); d.Traits().ChargeMode != tt.want {
			t.Errorf("charge mode %v: %v, want %v", tt.told, d.Traits().ChargeMode, tt.want)
		}
	}
	for _, told := range []time.Time{{}, at(3)} {
		d := describe(geelark.ListedPhone{Phone: geelark.Phone{MonthlyExpire: told, CreateTime: told}})
		if !d.SubscriptionEnds().Equal(told) || !d.Created().Equal(told) {
			t.Errorf("%s: ends %s, created %s", told, d.SubscriptionEnds(), d.Created())
		}
	}
	if got := (&Description{}).Traits(); got != (Traits{}) {
		t.Errorf("traits of a phone that was not listed: %+v", got)
	}
}

func TestFlagsAndFailuresHaveTheirWords(t *testing.T) {
	for want, v := range map[string]interface{ String() string }{
		"unknown": Unknown, "no": No, "yes": Yes,
		"": Failure{}, "42001": FailedWith(geelark.CodePhoneNotFound), "missing": Failure{Kind: Missing}, "malformed": Failure{Kind: Malformed},
	} {
		if got := v.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTagsAreSortedAndEachOnce(t *testing.T) {
	for _, tt := range []struct{ names, want []string }{
		{nil, nil}, {[]string{"b"}, []string{"b"}}, {[]string{"b", "a", "b"}, []string{"a", "b"}},
	} {
		if got := NewTags(tt.names).Names(); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.names, got, tt.want)
		}
	}
	if NewTags([]string{"a", "b"}) != NewTags([]string{"b", "a", "a"}) || NewTags([]string{"a"}) == NewTags([]string{"a", "b"}) {
		t.Error("tags are not equal as their names are")
	}
}
