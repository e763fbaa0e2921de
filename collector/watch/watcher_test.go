package watch

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
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

func TestAWatcherGoesByItsOptions(t *testing.T) {
	now, shard := time.Unix(1e9, 0), Shard{Index: 1, Total: 3}
	dir, err := state.Open(t.TempDir(), log.NewNopLogger(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	w, err := New(nil, Options{Now: func() time.Time { return now }, Shard: shard, State: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if !w.Now().Equal(now) || !w.Overview().At.Equal(now) || w.Shard() != shard || w.Overview().Shard != shard || w.State() != dir || !slices.Equal(w.Collectors(), DefaultCollectors()) {
		t.Errorf("%s, %+v, %v, %q", w.Now(), w.Shard(), w.State(), w.Collectors())
	}
}
