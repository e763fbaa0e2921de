package collector

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const (
	walletEndpoint = "pay/wallet"
	planEndpoint   = "pay/plan/info"
)

func TestExpositionOfAllCollectors(t *testing.T) {
	label := func(c *watch.AccountConfig) { c.Labels = map[string]string{"owner": "growth \"\\\n手机"} }
	inBubbleWith(t, 6, nil, label, func(b *bench) {
		ids := b.sim.IDs()
		for i, id := range ids {
			b.sim.SetStatus(id, i%4)
		}
		b.sim.Edit(ids[0], func(p *geelarktest.Phone) {
			p.SerialName, p.Group = "<script>\n\"quoted\" \\ \xff 手机", "a\nb\\ \"c\" \xff"
			p.Tags = []string{"shop", "ads", "\"\\\n", "shop"}
		})
		b.sim.Edit(ids[1], func(p *geelarktest.Phone) {
			p.SerialName, p.SerialNo, p.Group, p.Tags = "", "", "", nil
			p.Country, p.OSVersion, p.Brand, p.Model = "", "", "", ""
			p.ChargeMode, p.NetType, p.CreateTime, p.MonthlyExpire, p.HasBind = 7, 7, 0, 0, false
		})
		b.scrape()
		time.Sleep(20 * time.Second)
		golden(t, b.all(), "all_collectors.prom")
		problems, err := testutil.CollectAndLint(b.all())
		if err != nil || len(problems) > 0 {
			t.Errorf("lint: %v, %v", problems, err)
		}
	})
}

// What stands in geelark_phone_info is what the simulator knows.
func TestDescriptionsAreThoseOfTheFleet(t *testing.T) {
	words := func(s string, of ...string) string { // of[i] is the word for i
		i, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return of[i]
	}
	inBubbleWith(t, 250, nil, nil, func(b *bench) {
		s := b.scrape()
		for _, id := range b.sim.IDs() {
			p, _ := b.sim.Phone(id)
			tags := ""
			if len(p.Tags) > 0 {
				tags = "," + strings.Join(slices.Sorted(slices.Values(p.Tags)), ",") + ","
			}
			s.want(t, fmt.Sprintf(`geelark_phone_info{account="default",bound=%q,brand=%q,charge_mode=%q,country=%q,group=%q,id=%q,model=%q,net_type=%q,os_version=%q,serial_name=%q,serial_no=%q,tags=%q}`,
				map[bool]string{true: "yes", false: "no"}[p.HasBind], p.Brand, words(fmt.Sprint(p.ChargeMode), "per_minute", "monthly"), p.Country, p.Group, id,
				p.Model, words(fmt.Sprint(p.NetType), "wifi", "mobile"), p.OSVersion, p.SerialName, p.SerialNo, tags), 1)
			series := fmt.Sprintf(`{account="default",id=%q}`, id)
			s.want(t, "geelark_phone_created_timestamp_seconds"+series, float64(p.CreateTime))
			s.want(t, "geelark_phone_rpa_running"+series, float64(p.RPAStatus))
			if p.MonthlyExpire == 0 {
				s.absent(t, "geelark_phone_subscription_expiry_timestamp_seconds"+series)
			} else {
				s.want(t, "geelark_phone_subscription_expiry_timestamp_seconds"+series, float64(p.MonthlyExpire))
			}
		}
		if got := len(s.having("geelark_phone_info")); got != 250 {
			t.Errorf("%d phones are described, want 250", got)
		}
	})
}

func TestPhonesOfGroupsAddUpToPhones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 400, Seed: 3, Token: testToken})
		b := newBench(t, sim.RoundTripper(), nil, testConfig())
		defer b.Close()
		b.sim = sim
		sim.SetStatus(sim.IDs()[0], 9)
		byStatus := regexp.MustCompile(`code="[^"]*",`)
		for range 10 {
			b.pollAndList()
			s := b.scrape()
			sums := make(map[string]float64)
			groups := make(map[string]bool)
			for name, v := range s.having("geelark_group_phones") {
				code := byStatus.FindString(name)
				sums[code] += v
				groups[strings.Split(name, "group=")[1]] = true
			}
			want := make(map[string]float64)
			for name, v := range s.having("geelark_phones") {
				want[byStatus.FindString(name)] = v
			}
			if !maps.Equal(sums, want) {
				t.Fatalf("groups have %v, all phones %v", sums, want)
			}
			if len(groups) < 5*4 {
				t.Fatalf("%d series of groups, want 4 statuses of 5 groups at least", len(groups))
			}
			sim.Edit(sim.IDs()[5], func(p *geelarktest.Phone) { p.Group = "new" })
			time.Sleep(6 * time.Minute)
		}
	})
}

func TestAListingIsTheOnlySourceOfWhatIsListed(t *testing.T) {
	inBubbleWith(t, 20, nil, nil, func(b *bench) {
		id := b.sim.IDs()[3]
		b.scrape()
		b.sim.Edit(id, func(p *geelarktest.Phone) {
			p.SerialName, p.Group, p.Tags, p.MonthlyExpire, p.ChargeMode, p.HasBind = "renamed", "moved", []string{"z", "a"}, 4_000_000_000, 1, true
		})
		time.Sleep(5 * time.Minute)
		b.pollAndList()
		s := b.exposed()
		found := false
		for name := range s.having("geelark_phone_info") {
			if strings.Contains(name, id) {
				found = true
				for _, l := range []string{`serial_name="renamed"`, `group="moved"`, `tags=",a,z,"`, `charge_mode="monthly"`, `bound="yes"`} {
					if !strings.Contains(name, l) {
						t.Errorf("%s is not in %s", l, name)
					}
				}
			}
		}
		if !found {
			t.Error("the phone has no description")
		}
		s.want(t, `geelark_phone_subscription_expiry_timestamp_seconds{account="default",id="`+id+`"}`, 4e9)
		if got := len(s.having("geelark_phone_info")); got != 20 {
			t.Errorf("%d series, want 20", got)
		}

		// A task is not known to be running when nobody has looked for long.
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission})
		for range 6 {
			time.Sleep(105 * time.Second)
			b.pollAndList()
		}
		s = b.exposed()
		s.absent(t, "geelark_phone_rpa_running{")
		s.want(t, `geelark_phone_subscription_expiry_timestamp_seconds{account="default",id="`+id+`"}`, 4e9)
		if len(s.having("geelark_phone_created_timestamp_seconds")) != 20 || len(s.having("geelark_phone_info")) != 20 {
			t.Error("descriptions are lost")
		}
	})
}

func TestFixedPhonesAreDescribedAHundredAtATime(t *testing.T) {
	ids := geelarktest.New(geelarktest.Config{Phones: 250, Seed: 1}).IDs()
	inBubbleWith(t, 250, nil, func(c *watch.AccountConfig) { c.IDs = append([]string{"unknown"}, ids[:240]...) }, func(b *bench) {
		s := b.scrape()
		s.want(t, `geelark_phones_tracked{account="default"}`, 241)
		if got := len(s.having("geelark_phone_info")); got != 240 {
			t.Errorf("%d phones are described, want 240", got)
		}
		// A page can tell statuses before their batch is asked for.
		got := requests(b.sim)
		if got[status] < 1 || got[status] > 3 || got[listing] != 3 {
			t.Errorf("requests %v, want 3 pages and at most 3 polls", got)
		}
		for range 9 { // until 4:30
			time.Sleep(30 * time.Second)
			b.pollAndList()
		}
		if got := b.sim.Requests(listing); got != 3 {
			t.Errorf("%d listings within the interval, want 3", got)
		}
		time.Sleep(30 * time.Second)
		b.pollAndList()
		if got := b.sim.Requests(listing); got != 6 {
			t.Errorf("%d listings, want 6", got)
		}
	})
}

func TestAScrapeDoesNotWaitForTheBudgetOfAListing(t *testing.T) {
	for name, discovered := range map[string]bool{"by id": false, "discovered": true} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 2500, nil, func(c *watch.AccountConfig) {
				c.Limits.PerMinute = 15
				if !discovered {
					c.IDs = geelarktest.New(geelarktest.Config{Phones: 2500, Seed: 1}).IDs()
				}
			}, func(b *bench) {
				start := time.Now()
				b.scrape()
				if took := time.Since(start); took > 0 {
					t.Errorf("the scrape took %s", took)
				}
				if got := b.sim.Requests(listing); got != 15 {
					t.Errorf("%d pages were listed, want 15", got)
				}
			})
		})
	}
}

func TestAFailedListingOfFixedPhonesShowsInItsCollectorOnly(t *testing.T) {
	inBubbleWith(t, 250, nil, trackAlso(250), func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission})
		s := b.scrape()
		s.want(t, `geelark_up{account="default"}`, 1)
		s.want(t, `geelark_collector_success{account="default",collector="inventory"}`, 0)
		s.want(t, `geelark_collector_success{account="default",collector="status"}`, 1)
		b.wantRequests(map[string]int{listing: 1, status: 3, walletEndpoint: 1, planEndpoint: 1})
	})
}

func TestDiscoveredPhonesAreDescribedByTheListingThatFindsThem(t *testing.T) {
	inBubbleWith(t, 250, nil, nil, func(b *bench) {
		b.scrape()
		if got := b.sim.Requests(listing); got != 3 {
			t.Errorf("%d pages, want 3", got)
		}
	})
}

func TestWithoutTheInventoryCollectorPhonesAreStillDiscovered(t *testing.T) {
	inBubble(t, 250, nil, func(b *bench) {
		s := b.scrape()
		s.addUp(t, 250)
		s.wantUnobserved(t, "default", 0)
		for _, f := range append([]*family{}, inventoryFamilies...) {
			s.absent(t, f.name)
		}
		for name := range s.having("geelark_phone_info") {
			if !strings.Contains(name, `group=""`) || strings.Contains(name, `serial_name=""`) {
				t.Fatalf("%s has more or less than the name", name)
			}
		}
		b.wantRequests(map[string]int{listing: 3, status: 1})
	})
}

func TestWithoutTheStatusCollectorNoStatusIsPolled(t *testing.T) {
	for name, change := range map[string]func(*watch.AccountConfig){"discovered": nil, "fixed": trackAlso(250)} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 250, func(o *options) { o.Collectors = []string{watch.CollectorInventory, watch.CollectorBilling} }, change, func(b *bench) {
				for range 10 {
					b.pollAndList()
					time.Sleep(time.Minute)
				}
				b.wantRequests(map[string]int{listing: 6, walletEndpoint: 1, planEndpoint: 1})
				s := b.exposed()
				s.want(t, `geelark_up{account="default"}`, 1)
				for _, f := range statusFamilies {
					s.absent(t, f.name+"{")
				}
				s.absent(t, `geelark_collector_success{account="default",collector="status"}`)
			})
		})
	}
}

func TestWithBillingAloneItDecides(t *testing.T) {
	inBubbleWith(t, 250, func(o *options) { o.Collectors = []string{watch.CollectorBilling} }, nil, func(b *bench) {
		s := b.scrape()
		s.want(t, `geelark_up{account="default"}`, 1)
		s.absent(t, "geelark_phone")
		s.absent(t, `geelark_api_requests_total{account="default",api="phone`)
		b.wantRequests(map[string]int{walletEndpoint: 1, planEndpoint: 1})
	})
}

const oddPhones = `{"code":0,"data":{"total":3,"items":[
	{"id":"1","serialName":7,"serialNo":{},"group":"a","tags":"b","status":"on","chargeMode":[],"hasBind":1,"monthlyExpire":"soon","rpaStatus":null,"createTime":99999999999999999999,"equipmentInfo":"none"},
	{"id":2,"group":{"name":5},"tags":["x",{"name":3},{"name":"kept"},null],"status":null,"equipmentInfo":{"countryName":[],"osVersion":"kept","netType":"1"},"monthlyExpire":-1,"createTime":1.5e9},
	{"id":"3"}]}}`

func TestFieldsOfAnotherTypeLoseNeitherThePageNorThePhone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			body := `{"code":0,"data":{"successDetails":[]}}`
			if strings.HasSuffix(r.URL.Path, listing) {
				body = oddPhones
			}
			_, _ = io.WriteString(w, body)
			return w.Result(), nil
		}), func(o *options) { o.Collectors = []string{watch.CollectorInventory} }, testConfig())
		defer b.Close()
		s := b.scrape()
		s.want(t, `geelark_up{account="default"}`, 1)
		s.want(t, `geelark_phone_info{account="default",bound="unknown",brand="",charge_mode="unknown",country="",group="",id="1",model="",net_type="",os_version="",serial_name="",serial_no="",tags=""}`, 1)
		s.want(t, `geelark_phone_info{account="default",bound="unknown",brand="",charge_mode="unknown",country="",group="",id="2",model="",net_type="mobile",os_version="kept",serial_name="",serial_no="",tags=",kept,"}`, 1)
		s.want(t, `geelark_phone_info{account="default",bound="unknown",brand="",charge_mode="unknown",country="",group="",id="3",model="",net_type="",os_version="",serial_name="",serial_no="",tags=""}`, 1)
		s.absent(t, "geelark_phone_subscription_expiry_timestamp_seconds")
		s.want(t, `geelark_phone_created_timestamp_seconds{account="default",id="2"}`, 1.5e9)
		s.absent(t, `geelark_phone_created_timestamp_seconds{account="default",id="1"}`)
	})
}
