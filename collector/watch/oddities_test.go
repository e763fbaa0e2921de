package watch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestAnOddFieldIsLoggedOnceUntilItIsReadAgain(t *testing.T) {
	logs := new(processtest.Log)
	logger := log.NewLogfmtLogger(logs)
	o := new(oddities)
	many := func(prefix string, n int) (odd []geelark.Oddity) {
		for i := range n {
			odd = append(odd, geelark.Oddity{ID: fmt.Sprint(prefix, i), Field: "status"})
		}
		return odd
	}
	one := []geelark.Oddity{{ID: "7", Field: "status"}}
	for _, step := range []struct {
		name   string
		e      geelark.Endpoint
		odd    []geelark.Oddity
		phones []string
		want   string
	}{
		{"an answer without any", geelark.EndpointPhoneStatus, nil, []string{"7"}, ""},
		{"an odd field", geelark.EndpointPhoneStatus, append(one, one...), []string{"7", "8"}, `fields="status of phone 7"`},
		{"the same again", geelark.EndpointPhoneStatus, one, []string{"7", "8"}, ""},
		{"an answer about others", geelark.EndpointPhoneStatus, nil, []string{"8"}, ""},
		{"the same after that", geelark.EndpointPhoneStatus, one, []string{"7"}, ""},
		{"the same field of another API", geelark.EndpointPhoneList, one, []string{"7"}, "api=phone/list"},
		{"another field", geelark.EndpointPhoneStatus, append(one, geelark.Oddity{ID: "7", Field: "serialName"}), []string{"7"}, `fields="serialName of phone 7"`},
		{"what can be read again", geelark.EndpointPhoneStatus, nil, []string{"7"}, ""},
		{"the same after that", geelark.EndpointPhoneStatus, one, []string{"7"}, `fields="status of phone 7"`},
		{"an item without an id", geelark.EndpointPhoneList, []geelark.Oddity{{Field: "id"}}, nil, `fields="id of an item without a legible id"`},
		{"as many as a line names", geelark.EndpointPhoneStatus, many("5", 10), nil, `, status of phone 58, status of phone 59"`},
		{"more than a line names", geelark.EndpointPhoneStatus, many("9", 11), nil, `fields="status of phone 90, status of phone 91, status of phone 910, status of phone 92, status of phone 93, status of phone 94, status of phone 95, status of phone 96, status of phone 97, status of phone 98, and 1 more"`},
		{"more than are remembered", geelark.EndpointPhoneStatus, many("9", 1000), nil, `, and 66 more; no others are named until some of these are read again"`},
		{"the same again", geelark.EndpointPhoneStatus, many("9", 1000), nil, ""},
		{"others too when one is read again", geelark.EndpointPhoneStatus, nil, []string{"50"}, ""},
		{"and are told of as room allows", geelark.EndpointPhoneStatus, many("6", 2), nil, `fields="status of phone 60; no others are named`},
	} {
		before := len(logs.String())
		o.see(logger, step.e, step.odd, step.phones)
		got := logs.String()[before:]
		if !strings.Contains(got, step.want) || strings.Count(got, "\n") != min(len(step.want), 1) {
			t.Errorf("%s: logged %q, want %q", step.name, got, step.want)
		}
	}
}

// odd changes what an answer says of each phone or item.
func odd(list string, change func(i int, item map[string]any) any) func(*geelarktest.Reply) {
	return func(r *geelarktest.Reply) {
		var body map[string]any
		if err := json.Unmarshal(r.Body, &body); err != nil {
			panic(err)
		}
		items := body["data"].(map[string]any)[list].([]any)
		for i, item := range items {
			items[i] = change(i, item.(map[string]any))
		}
		r.Body, _ = json.Marshal(body)
	}
}

func TestTheLogNamesPhoneAndFieldOfAnIllegibleDetailAtItsChangeOnly(t *testing.T) {
	var ids []string
	inBubble(t, 5, func(c *AccountConfig) { c.CacheTTL = 0 }, func(b *bench) {
		ids = b.sim.IDs()
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: status, Rewrite: odd("successDetails", func(_ int, d map[string]any) any {
			if d["id"] == ids[3] {
				d["status"] = nil
			}
			return d
		})})
		for range 5 {
			b.poll()
			time.Sleep(time.Second)
		}
		b.wantLogged("while it is odd", "status of phone "+ids[3], 1)
		remove()
		b.poll()
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Rewrite: odd("successDetails", func(_ int, d map[string]any) any {
			d["serialName"] = 5
			return d
		})})
		time.Sleep(time.Second)
		b.poll()
		b.wantLogged("when another is", "serialName of phone "+ids[0], 1)
	})
}

func TestItemsWithoutALegibleIDAreSkippedCountedAndLoggedOnce(t *testing.T) {
	for name, item := range map[string]any{
		"null": nil, "text": "x", "without an id": map[string]any{"serialName": "x"}, "with a null id": map[string]any{"id": nil},
		"with an id that holds blanks": map[string]any{"id": "1 2"}, "with an id that holds quotes": map[string]any{"id": `"1"`},
		"with an id that is too long": map[string]any{"id": strings.Repeat("1", maxIDLength+1)},
	} {
		t.Run(name, func(t *testing.T) {
			recorded(t, 5, func(c *AccountConfig) { c.InventoryInterval = time.Minute }, func(b *bench, r *recorder) {
				last := b.sim.IDs()[4]
				remove := b.sim.Inject(geelarktest.Fault{Endpoint: listing, Rewrite: odd("items", func(_ int, i map[string]any) any {
					if i["id"] == last {
						return item
					}
					return i
				})})
				b.scrapeFor(3 * time.Minute)
				b.wantPhones("while an item is odd", 4)
				b.wantLogged("while an item is odd", "api=phone/list", 1)
				r.mu.Lock()
				if r.skipped != 3 {
					t.Errorf("%d items are counted, want 3", r.skipped)
				}
				r.mu.Unlock()
				remove()
				b.scrapeFor(2 * time.Minute)
				b.wantPhones("when it is not", 5)
			})
		})
	}
}
