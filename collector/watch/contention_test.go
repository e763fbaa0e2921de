package watch

import (
	"fmt"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestOthersThatSpendAreLoggedOnceAndCountedOverRotations(t *testing.T) {
	inBubble(t, 5, nil, func(b *bench) {
		const text = "Others spend from the account's limit"
		b.scrapeFor(time.Minute)
		want := 0
		meet := func() {
			want++
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeRateLimited, Times: 1})
			b.scrapeFor(3 * time.Minute)
			if got := b.account().Budget(geelark.EndpointPhoneStatus).Contended; got != want {
				t.Errorf("contended %d times, want %d", got, want)
			}
		}
		for i := range 4 {
			meet()
			token := fmt.Sprint("rotated-", i)
			b.sim.SetCredentials(token, "", "")
			b.reload(func(c *AccountConfig) { c.Credentials = geelark.Credentials{Token: geelark.Secret(token)} })
			b.scrapeFor(time.Minute)
			if got := b.account().Budget(geelark.EndpointPhoneStatus); got.Contended != want || got.Limits.PerMinute >= 150 {
				t.Errorf("with another token contended %d times, want %d, and %d a minute", got.Contended, want, got.Limits.PerMinute)
			}
		}
		b.wantLogged("while it goes on", text, 1)
		b.scrapeFor(time.Hour)
		meet()
		b.wantLogged("an hour later", text, 2)
	})
}
