package collector

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

func countersOf(t *testing.T, c *Counters) samples {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c.requests, c.lookups, c.duration)
	return gather(t, r)
}

func totalOf(s samples) (total float64) {
	for _, v := range s {
		total += v
	}
	return total
}

func TestCodesThatServersInventAreBoundedForEachAccountAndKeepTheirTotal(t *testing.T) {
	c := NewCounters()
	const each = 1000
	var codes, statuses int
	for _, account := range []string{"a", "b"} {
		for i := range each {
			c.LookupsFailed(account, phones.FailedWith(geelark.Code(60000+i)), 1)
			c.RequestSent(account, geelark.Request{Endpoint: geelark.EndpointPhoneStatus, Outcome: strconv.Itoa(70000 + i)})
			c.RequestSent(account, geelark.Request{Endpoint: geelark.EndpointPhoneList, Outcome: strconv.Itoa(70000 + i)})
			c.RequestSent(account, geelark.Request{Endpoint: geelark.EndpointPhoneList, Outcome: strconv.Itoa(200 + i%799)})
		}
	}
	// What is documented has its own series whenever it comes.
	for _, code := range geelark.Codes() {
		c.LookupsFailed("a", phones.FailedWith(code), 1)
		c.RequestSent("a", geelark.Request{Endpoint: geelark.EndpointWallet, Outcome: codeLabel(code)})
		codes++
	}
	for _, outcome := range []string{"502", "429", "407", string(geelark.ReasonCanceled), string(geelark.ReasonTooLarge), string(geelark.ReasonDNS)} {
		c.RequestSent("a", geelark.Request{Endpoint: geelark.EndpointWallet, Outcome: outcome})
		statuses++
	}
	c.LookupsFailed("a", phones.Failure{Kind: phones.Malformed}, 1)
	before := countersOf(t, c)
	for code := range geelark.Codes() {
		label := codeLabel(geelark.Codes()[code])
		before.want(t, `geelark_phone_lookup_failures_total{account="a",code="`+label+`"}`, 1)
		before.want(t, `geelark_api_requests_total{account="a",api="pay/wallet",outcome="`+label+`"}`, 1)
	}
	before.want(t, `geelark_phone_lookup_failures_total{account="a",code="malformed"}`, 1)
	before.want(t, `geelark_api_requests_total{account="a",api="pay/wallet",outcome="502"}`, 1)
	before.want(t, `geelark_phone_lookup_failures_total{account="a",code="other"}`, each-maxUndocumented)
	before.want(t, `geelark_phone_lookup_failures_total{account="b",code="other"}`, each-maxUndocumented)
	before.want(t, `geelark_api_requests_total{account="b",api="phone/status",outcome="other"}`, each-maxUndocumented)
	for family, most := range map[string]int{
		"geelark_phone_lookup_failures_total": 2*(maxUndocumented+1) + codes + 1,
		"geelark_api_requests_total":          2*2*2*(maxUndocumented+1+len(usualStatuses)) + codes + statuses,
	} {
		if got := len(before.having(family)); got > most {
			t.Errorf("%d series of %s, want at most %d", got, family, most)
		}
	}
	if got := totalOf(before.having("geelark_phone_lookup_failures_total")); got != float64(2*each+codes+1) {
		t.Errorf("%v lookups in all", got)
	}
	if got := totalOf(before.having("geelark_api_requests_total")); got != float64(3*2*each+codes+statuses) {
		t.Errorf("%v requests in all", got)
	}

	// What had a series keeps it.
	c.LookupsFailed("a", phones.FailedWith(60000), 1)
	c.LookupsFailed("a", phones.FailedWith(60999), 1)
	after := countersOf(t, c)
	after.want(t, `geelark_phone_lookup_failures_total{account="a",code="60000"}`, 2)
	after.want(t, `geelark_phone_lookup_failures_total{account="a",code="other"}`, each-maxUndocumented+1)

	c.AccountRemoved("a")
	c.LookupsFailed("a", phones.FailedWith(60999), 1)
	countersOf(t, c).want(t, `geelark_phone_lookup_failures_total{account="a",code="60999"}`, 1)
}

// A phone's own series is bounded as the counter is: codes that differ each time
// would make a new one each time.
func TestAPhonesFailureHasABoundedCode(t *testing.T) {
	next := 60000
	api := roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		next++
		return answering(`{"code":0,"traceId":"t","data":{"totalAmount":1,"successAmount":0,"failAmount":1,"successDetails":[],"failDetails":[{"id":"1","code":` +
			strconv.Itoa(next) + `,"msg":"m"}]}}`).RoundTrip(r)
	})
	cfg := testConfig()
	cfg.IDs = []string{"1"}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, api, func(o *options) { o.Collectors = []string{watch.CollectorStatus} }, cfg)
		defer b.Close()
		seen := make(map[string]bool)
		for range 100 {
			for series := range b.scrape().having("geelark_phone_lookup_failed") {
				seen[series] = true
			}
			time.Sleep(time.Minute)
		}
		if len(seen) != maxUndocumented+1 || !seen[`geelark_phone_lookup_failed{account="default",code="other",id="1"}`] {
			t.Errorf("%d series: %v", len(seen), seen)
		}
	})
}

func TestStatusesThatServersInventAreBoundedAndAddUp(t *testing.T) {
	const n = 3 * maxUndocumented
	inBubbleWith(t, n, nil, nil, func(b *bench) {
		for i, id := range b.sim.IDs() {
			b.sim.SetStatus(id, 100+i)
		}
		s := b.scrape()
		groups := make(map[string]bool)
		for _, id := range b.sim.IDs() {
			p, _ := b.sim.Phone(id)
			groups[p.Group] = true
		}
		s.want(t, `geelark_phones{account="default",code="100",status="unknown"}`, 1)
		s.want(t, `geelark_phones{account="default",code="other",status="unknown"}`, n-maxUndocumented)
		for family, series := range map[string]int{
			"geelark_phones":       len(documentedStatuses) + maxUndocumented + 1,
			"geelark_group_phones": len(groups) * (len(documentedStatuses) + 1 + maxUndocumented),
		} {
			values := s.having(family)
			if got := totalOf(values); got != n {
				t.Errorf("%s adds up to %v, want %d", family, got, n)
			}
			if len(values) > series {
				t.Errorf("%s has %d series, want at most %d", family, len(values), series)
			}
		}
	})
}
