package watch

import (
	"testing"

	"geelark_exporter/geelark"
)

// Phones can be forgotten between the look whether some are due and the taking.
func TestAPlaceForPhonesThatAreForgottenIsGivenBack(t *testing.T) {
	inBubble(t, 0, func(c *AccountConfig) { c.IDs = []string{"1"} }, func(b *bench) {
		a := b.account()
		a.store.TrackOnly(nil)
		a.poller.least = 0 // it always looks as if there were some
		b.poll()
		if got := a.client.Budget(geelark.EndpointPhoneStatus); b.sim.Requests(status) != 0 || got.MinuteRemaining != got.Limits.PerMinute {
			t.Errorf("%d requests, %+v", b.sim.Requests(status), got)
		}
	})
}
