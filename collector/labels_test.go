package collector

import (
	"slices"
	"testing"

	"geelark_exporter/collector/watch"
)

// An account's own labels stand beside these.
func TestTheLabelsOfPhonesAreReserved(t *testing.T) {
	if !slices.Equal(phoneInfoLabels, watch.ReservedLabels()) {
		t.Errorf("phones have the labels %q, reserved are %q", phoneInfoLabels, watch.ReservedLabels())
	}
}
