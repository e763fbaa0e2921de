package phones

import (
	"testing"
	"time"

	"geelark_exporter/geelark"
)

func TestAListedStatusIsTakenWhereItCannotHideAnExpiredPhone(t *testing.T) {
	const started, starting, shutDown, expired, odd = geelark.StatusStarted, geelark.StatusStarting, geelark.StatusShutDown, geelark.StatusExpired, geelark.Status(7)
	now := at(100)
	polled := func(s geelark.Status) Condition { return Condition{Knowledge: Current, Status: s} }
	listed := func(s geelark.Status) geelark.ListedPhone {
		return geelark.ListedPhone{Phone: geelark.Phone{Status: geelark.Some(s)}, At: now}
	}
	ending := func(l geelark.ListedPhone, end time.Time) geelark.ListedPhone { l.MonthlyExpire = end; return l }
	for name, tt := range map[string]struct {
		known Condition
		list  geelark.ListedPhone
		want  bool
	}{
		"started, nothing known":                      {Condition{}, listed(started), true},
		"started, known as shut down":                 {polled(shutDown), listed(started), true},
		"started, known as expired":                   {polled(expired), listed(started), true},
		"started, after a failed lookup":              {Condition{Knowledge: Failed, Failure: FailedWith(42001)}, listed(started), false},
		"starting, nothing known":                     {Condition{}, listed(starting), true},
		"shut down, nothing known":                    {Condition{}, ending(listed(shutDown), at(101)), false},
		"shut down, known as started":                 {polled(started), ending(listed(shutDown), at(101)), false},
		"shut down, known as expired":                 {polled(expired), ending(listed(shutDown), at(101)), false},
		"shut down, known as undocumented":            {polled(odd), ending(listed(shutDown), at(101)), false},
		"shut down, after a failed lookup":            {Condition{Knowledge: Failed, Status: shutDown, Failure: FailedWith(42001)}, ending(listed(shutDown), at(101)), false},
		"shut down, known so, subscription runs":      {polled(shutDown), ending(listed(shutDown), at(101)), true},
		"shut down, known so long ago":                {Condition{Knowledge: Outdated, Status: shutDown}, ending(listed(shutDown), at(101)), true},
		"shut down, known so, subscription ends now":  {polled(shutDown), ending(listed(shutDown), now), false},
		"shut down, known so, subscription is over":   {polled(shutDown), ending(listed(shutDown), at(99)), false},
		"shut down, known so, without a subscription": {polled(shutDown), listed(shutDown), false},
		"expired, which is not documented in a list":  {polled(expired), listed(expired), false},
		"undocumented":                                {polled(odd), listed(odd), false},
		"none, which must not be read as started":     {polled(started), geelark.ListedPhone{At: now}, false},
	} {
		got, ok := listedStatus(tt.known, tt.list)
		if ok != tt.want || ok && got != tt.list.Status.Or(-1) {
			t.Errorf("%s: got %v, %v, want %v", name, got, ok, tt.want)
		}
	}
}
