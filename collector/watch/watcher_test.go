package watch

import (
	"context"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// blocked are credentials that are not there before those who wait give up.
type blocked struct{ asked chan context.Context }

func (b blocked) Credentials(ctx context.Context) (geelark.Credentials, error) {
	b.asked <- ctx
	<-ctx.Done()
	return geelark.Credentials{}, ctx.Err()
}

func TestAReloadWaitsTwoSecondsForCredentials(t *testing.T) {
	inBubble(t, 0, nil, func(b *bench) {
		source := blocked{make(chan context.Context, 10)}
		began := time.Now()
		b.reload(func(c *AccountConfig) { c.Credentials = source })
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
		b.reload(func(*AccountConfig) {}) // nothing changes, and nobody is asked
		if took := time.Since(began); took != 2*time.Second || len(source.asked) != 1 {
			t.Errorf("it took %s, and they were asked for %d times", took, len(source.asked))
		}
	})
}

// noted are credentials that note who waited for them.
type noted struct{ asked chan context.Context }

func (n noted) Credentials(ctx context.Context) (geelark.Credentials, error) {
	n.asked <- ctx
	return geelark.Credentials{Token: testToken}, nil
}

func TestNobodyWaitsForCredentialsAfterAReload(t *testing.T) {
	inBubble(t, 0, nil, func(b *bench) {
		source := noted{make(chan context.Context, 10)}
		b.reload(func(c *AccountConfig) { c.Credentials = source })
		if ctx := <-source.asked; ctx.Err() == nil {
			t.Error("the reload is over, and its context is not")
		}
	})
}
