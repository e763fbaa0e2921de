package watch

import (
	"maps"
	"testing"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

func TestEveryFailureThatIsReportedOfATrackedPhoneCounts(t *testing.T) {
	notFound, missing := phones.FailedWith(geelark.CodePhoneNotFound), phones.Failure{Kind: phones.Missing}
	store := phones.NewStore(time.Unix(1, 0))
	store.TrackOnly([]string{"a", "b", "other"})
	s := &sweep{poller: &poller{store: store}}
	told := func(ids ...string) (list []geelark.PhoneStatus) {
		for _, id := range ids {
			list = append(list, geelark.PhoneStatus{ID: id})
		}
		return list
	}
	for name, tt := range map[string]struct {
		answer geelark.PhoneStatuses
		want   map[phones.Failure]int
	}{
		"none": {geelark.PhoneStatuses{Phones: told("a", "b")}, nil},
		"beside a status, as in the documented sample": {
			geelark.PhoneStatuses{Phones: told("a", "a", "a", "b"), Failures: []geelark.PhoneFailure{{ID: "a", Code: 42001}}},
			map[phones.Failure]int{notFound: 1},
		},
		"twice": {
			geelark.PhoneStatuses{Phones: told("b"), Failures: []geelark.PhoneFailure{{ID: "a", Code: 42001}, {ID: "a", Code: 42001}}},
			map[phones.Failure]int{notFound: 1},
		},
		"by two codes": {
			geelark.PhoneStatuses{Phones: told("b"), Failures: []geelark.PhoneFailure{{ID: "a", Code: 42001}, {ID: "a", Code: 43004}}},
			map[phones.Failure]int{notFound: 1, phones.FailedWith(43004): 1},
		},
		"of a phone that was left out":     {geelark.PhoneStatuses{Phones: told("b")}, map[phones.Failure]int{missing: 1}},
		"of a phone that nobody asked for": {geelark.PhoneStatuses{Phones: told("a", "b"), Failures: []geelark.PhoneFailure{{ID: "other", Code: 42001}}}, map[phones.Failure]int{notFound: 1}},
		"of a phone that nobody tracks":    {geelark.PhoneStatuses{Phones: told("a", "b"), Failures: []geelark.PhoneFailure{{ID: "x", Code: 42001}}}, nil},
		"of an illegible detail": {
			geelark.PhoneStatuses{Phones: told("b"), Failures: []geelark.PhoneFailure{{ID: "a", Malformed: true}}},
			map[phones.Failure]int{{Kind: phones.Malformed}: 1},
		},
	} {
		got := make(map[phones.Failure]int)
		for _, f := range s.failuresIn(&tt.answer, observationsOf([]string{"a", "b"}, &tt.answer)) {
			got[f]++
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
