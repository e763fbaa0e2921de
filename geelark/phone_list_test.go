package geelark

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDocumentedPhoneIsReadWithoutWhatIsPersonal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerBody(readTestdata(t, "phone-list.json")))
		got, err := newClient(t, s).PhoneList(t.Context(), PhoneListFilter{}, 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		if !got.At.Equal(time.Now()) || got.Total != 1 || summary(got) != `"497652752405725185" "phone 1"` {
			t.Errorf("got %+v", got)
		}
		if url := s.requests()[0].url; url != "https://openapi.geelark.com/open/v1/phone/list" {
			t.Error(url)
		}
		printed := fmt.Sprintf("%+v", got)
		for _, personal := range []string{
			"+15550001111", "863406055475199", "CC:E0:DA:CF:81:9F", "C0:5D:39:14:D9:9A", "58:97:F8:19:40:4D",
			"proxy.example.com", "10808", "proxy-user", "proxy-password",
		} {
			if strings.Contains(printed, personal) {
				t.Errorf("%s is in %s", personal, printed)
			}
		}
	})
}

func TestListRequestHoldsOnlyWhatTheFilterSets(t *testing.T) {
	perMinute, monthly, on, off := ChargePerMinute, ChargeMonthly, true, false
	for name, test := range map[string]struct {
		filter PhoneListFilter
		want   string
	}{
		"nothing":          {PhoneListFilter{}, `{"page":2,"pageSize":30}`},
		"empty lists":      {PhoneListFilter{IDs: []string{}, Tags: []string{}, ProxyIDs: []string{}, SerialNos: []string{}}, `{"page":2,"pageSize":30}`},
		"ids":              {PhoneListFilter{IDs: []string{"1", "2"}}, `{"page":2,"pageSize":30,"ids":["1","2"]}`},
		"serial name":      {PhoneListFilter{SerialName: "n"}, `{"page":2,"pageSize":30,"serialName":"n"}`},
		"remark":           {PhoneListFilter{Remark: "r"}, `{"page":2,"pageSize":30,"remark":"r"}`},
		"group":            {PhoneListFilter{GroupName: "g"}, `{"page":2,"pageSize":30,"groupName":"g"}`},
		"tags":             {PhoneListFilter{Tags: []string{"a", "b"}}, `{"page":2,"pageSize":30,"tags":["a","b"]}`},
		"paid by minute":   {PhoneListFilter{ChargeMode: &perMinute}, `{"page":2,"pageSize":30,"chargeMode":0}`},
		"paid by month":    {PhoneListFilter{ChargeMode: &monthly}, `{"page":2,"pageSize":30,"chargeMode":1}`},
		"powered off":      {PhoneListFilter{Open: &off}, `{"page":2,"pageSize":30,"openStatus":0}`},
		"powered on":       {PhoneListFilter{Open: &on}, `{"page":2,"pageSize":30,"openStatus":1}`},
		"proxies":          {PhoneListFilter{ProxyIDs: []string{"p"}}, `{"page":2,"pageSize":30,"proxyIds":["p"]}`},
		"serial numbers":   {PhoneListFilter{SerialNos: []string{"s"}}, `{"page":2,"pageSize":30,"serialNos":["s"]}`},
		"several together": {PhoneListFilter{GroupName: "g", Open: &on}, `{"page":2,"pageSize":30,"groupName":"g","openStatus":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(answerBody(`{"code":0,"data":{"total":0}}`))
			if _, err := newClient(t, s).PhoneList(t.Context(), test.filter, 2, 30); err != nil {
				t.Fatal(err)
			}
			if got := s.requests()[0].body; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestListBoundsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	ids := func(n int) []string { return make([]string, n) }
	for name, test := range map[string]struct {
		filter         PhoneListFilter
		page, pageSize int
		want           string // in the error; none when it is sent
	}{
		"the first page":              {PhoneListFilter{}, 1, 1, ""},
		"the largest page":            {PhoneListFilter{}, 1, 100, ""},
		"a page too large":            {PhoneListFilter{}, 1, 101, "page 1 of 101"},
		"a page of nothing":           {PhoneListFilter{}, 1, 0, "page 1 of 0"},
		"page zero":                   {PhoneListFilter{}, 0, 1, "page 0 of 1"},
		"as many ids as may be":       {PhoneListFilter{IDs: ids(100)}, 1, 1, ""},
		"too many ids":                {PhoneListFilter{IDs: ids(101)}, 1, 1, "100 ids, not 101"},
		"as many proxies as may be":   {PhoneListFilter{ProxyIDs: ids(10)}, 1, 1, ""},
		"too many proxies":            {PhoneListFilter{ProxyIDs: ids(11)}, 1, 1, "10 proxy ids, not 11"},
		"as many serials as may be":   {PhoneListFilter{SerialNos: ids(100)}, 1, 1, ""},
		"too many serials":            {PhoneListFilter{SerialNos: ids(101)}, 1, 1, "100 serial numbers, not 101"},
		"tags and texts have no such": {PhoneListFilter{Tags: ids(500)}, 1, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(answerBody(`{"code":0,"data":{"total":0,"items":[]}}`))
			_, err := newClient(t, s).PhoneList(t.Context(), test.filter, test.page, test.pageSize)
			if test.want == "" && (err != nil || len(s.requests()) != 1) {
				t.Errorf("got %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || len(s.requests()) != 0) {
				t.Errorf("got %v after %d requests, want %q", err, len(s.requests()), test.want)
			}
		})
	}
}

// summary names a page's phones.
func summary(p *PhonePage) string {
	var names []string
	for _, ph := range p.Phones {
		names = append(names, fmt.Sprintf("%q %q", ph.ID, ph.SerialName))
	}
	return strings.Join(names, ", ")
}

func TestListDataInEveryDocumentedForm(t *testing.T) {
	for data, want := range map[string]struct {
		total, skipped int
		phones         string
	}{
		`{"total":0}`:                                                                           {0, 0, ``},
		`{"total":0,"items":null}`:                                                              {0, 0, ``},
		`{"total":0,"items":[]}`:                                                                {0, 0, ``},
		`{"total":"7","items":[{"id":"a"}]}`:                                                    {7, 0, `"a" ""`},
		`{"total":1.0,"items":[{"id":"a"}]}`:                                                    {1, 0, `"a" ""`},
		`{"total":1e0,"items":[{"id":"a"}]}`:                                                    {1, 0, `"a" ""`},
		`{"items":[{"id":"a"}],"total":1}`:                                                      {1, 0, `"a" ""`},
		`{"total":9,"items":[{"id":123456789012345678901}]}`:                                    {9, 0, `"123456789012345678901" ""`},
		`{"total":2,"items":[{"id":"a","serialName":"x"},{"id":"b"}]}`:                          {2, 0, `"a" "x", "b" ""`},
		`{"total":1,"items":[{"id":"a","serialName":"x"}],"items":[{"id":"b"}]}`:                {1, 0, `"b" ""`},
		`{"total":1,"items":[{"serialName":{},"id":"a"}]}`:                                      {1, 0, `"a" ""`},
		`{"total":1,"items":[{"id":"a"},{"id":"a"}]}`:                                           {1, 0, `"a" "", "a" ""`},
		`{"total":3,"items":[null,{"id":"a"},null]}`:                                            {3, 2, `"a" ""`},
		`{"total":2,"items":[{"id":null,"serialName":"x"},{"id":"a"}]}`:                         {2, 1, `"a" ""`},
		`{"total":9,"items":["1",1,[],{},{"id":""},{"id":-1},{"id":1.5},{"id":{}},{"id":"a"}]}`: {9, 8, `"a" ""`},
		`{"total":1,"items":[null]}`:                                                            {1, 1, ``},
	} {
		got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PhoneList(t.Context(), PhoneListFilter{}, 1, 1)
		if err != nil {
			t.Errorf("%s: %v", data, err)
		} else if got.Total != want.total || got.Skipped != want.skipped || summary(got) != want.phones {
			t.Errorf("%s: got %+v, want %+v", data, *got, want)
		}
	}
}

func TestListingThatCannotBeReadOrContradictsItselfIsRefused(t *testing.T) {
	for _, data := range []string{
		`{}`, `[]`, `null`, `"none"`, `[{"total":1,"items":[{"id":"1"}]}]`,
		`{"items":[]}`, `{"items":[{"id":"1"}]}`, `{"total":null,"items":[]}`, `{"total":"","items":[]}`, `{"total":"many"}`, `{"total":1.5}`, `{"total":{}}`,
		`{"total":true,"items":[{"id":"1"}]}`, `{"total":-1}`, `{"total":-1,"items":[{"id":"1"}]}`, `{"total":99999999999999999999,"items":[{"id":"1"}]}`,
		`{"total":1}`, `{"total":1,"items":null}`, `{"total":1,"items":[]}`, `{"total":1,"items":{}}`, `{"total":1,"items":"none"}`, `{"total":1,"items":{"id":"1"}}`,
		`{"total":0,"items":{}}`, `{"total":0,"items":"none"}`, `{"total":0,"items":0}`,
		`{"total":0,"items":[{"id":"1"}]}`, `{"total":1,"items":[{"id":"1"},{"id":"2"}]}`, `{"total":1,"items":[{"id":"1"},null]}`, `{"total":0,"items":[null]}`,
		`{"total":1,"items":[{"id":"1"}],"items":null}`, `{"total":1,"items":[{"id":"1"}],"items":[]}`,
	} {
		for name, f := range map[string]PhoneListFilter{"": {}, ", by id": {IDs: []string{"1", "2"}}} {
			got, err := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`))).PhoneList(t.Context(), f, 1, 100)
			if te, ok := errors.AsType[*TransportError](err); !ok || te.Reason != ReasonMalformed || got != nil {
				t.Errorf("%s%s: got %+v, %v", data, name, got, err)
			}
		}
	}
}

func TestPageIsJudgedByWhatIsBeforeIt(t *testing.T) {
	for name, test := range map[string]struct {
		page, total, items int
		good               bool
	}{
		"the last, in part":                 {3, 250, 50, true},
		"the last, whole":                   {3, 300, 100, true},
		"fewer than there should be":        {2, 250, 60, true},
		"a page behind a fleet that shrank": {3, 180, 0, true},
		"a page just behind the end":        {3, 200, 0, true},
		"none of those that it counts":      {3, 201, 0, false},
		"more than it counts":               {3, 250, 51, false},
		"some of a fleet that is smaller":   {3, 200, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, play(answerBody(listAnswer(test.total, newIDs(test.items)))))
			got, err := c.PhoneList(t.Context(), PhoneListFilter{}, test.page, 100)
			if (err == nil) != test.good || test.good && len(got.Phones) != test.items {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestAnswerByIDIsTheSameOnEveryPage(t *testing.T) {
	for _, page := range []int{1, 2, 50} {
		c := newClient(t, play(answerBody(listAnswer(2, []string{"a", "b"}))))
		if got, err := c.PhoneList(t.Context(), PhoneListFilter{IDs: []string{"a", "b"}}, page, 100); err != nil || len(got.Phones) != 2 {
			t.Errorf("page %d: got %+v, %v", page, got, err)
		}
		c = newClient(t, play(answerBody(listAnswer(2, nil))))
		if got, err := c.PhoneList(t.Context(), PhoneListFilter{IDs: []string{"a", "b"}}, page, 100); err == nil {
			t.Errorf("page %d: got %+v of an answer that lists none of 2", page, got)
		}
		c = newClient(t, play(answerBody(listAnswer(1, []string{"a"}))))
		if got, err := c.PhoneList(t.Context(), PhoneListFilter{IDs: []string{"a"}}, page, 100); err != nil || len(got.Phones) != 1 {
			t.Errorf("page %d of one phone: got %+v, %v", page, got, err)
		}
	}
}

// A part of a listing does not tell which phones there are.
func TestListingIsNoBatch(t *testing.T) {
	for _, code := range []Code{CodePartial, CodeBatchFailed} {
		for _, data := range []string{`{"total":0,"items":[]}`, `{"total":1,"items":[{"id":"1"}]}`, `{"total":0}`, `null`} {
			c := newClient(t, play(answerBody(fmt.Sprintf(`{"code":%d,"data":%s}`, int(code), data))))
			if got, err := c.PhoneList(t.Context(), PhoneListFilter{}, 1, 1); !errors.Is(err, code) || got != nil {
				t.Errorf("%d, %s: got %+v, %v", int(code), data, got, err)
			}
		}
	}
}

func TestListingGoesAroundItemsThatNameNoPhone(t *testing.T) {
	for name, odd := range map[string]string{"null": `null`, "without an id": `{"serialName":"x"}`, "a number": `7`} {
		t.Run(name, func(t *testing.T) {
			page := func(from, n int) string {
				items := []string{odd}
				for i := range n - 1 {
					items = append(items, fmt.Sprintf(`{"id":"%d"}`, from+i))
				}
				return fmt.Sprintf(`{"code":0,"data":{"total":150,"items":[%s]}}`, strings.Join(items, ","))
			}
			s := play(answerBody(page(1, 100)), answerBody(page(101, 50)))
			phones, skipped := 0, 0
			for _, err := range newClient(t, s).AllPhones(t.Context(), PhoneListFilter{}, func(p *PhonePage) { skipped += p.Skipped }) {
				if err != nil {
					t.Fatal(err)
				}
				phones++
			}
			if phones != 148 || skipped != 2 || len(s.requests()) != 2 {
				t.Errorf("%d phones, %d skipped after %d requests", phones, skipped, len(s.requests()))
			}
		})
	}
}

// A fleet is an account's phones as phone/list pages them. Before answering a
// request, it changes as change says.
type fleet struct {
	ids    []string
	change map[int]func(*fleet) // by the number of the request, from 1
	total  int                  // told instead of the truth unless it is 0

	requests int
}

func newFleet(n int) *fleet {
	f := &fleet{change: map[int]func(*fleet){}}
	f.add(n)
	return f
}

func (f *fleet) add(n int) {
	for range n {
		f.ids = append(f.ids, fmt.Sprintf("phone-%d", len(f.ids)))
	}
}

func (f *fleet) insertAtFront(ids ...string) { f.ids = slices.Insert(f.ids, 0, ids...) }

func (f *fleet) remove(from, to int) { f.ids = slices.Delete(slices.Clone(f.ids), from, to) }

func (f *fleet) move(from, to int) {
	id := f.ids[from]
	f.remove(from, from+1)
	f.ids = slices.Insert(f.ids, to, id)
}

func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	f.requests++
	if change := f.change[f.requests]; change != nil {
		change(f)
	}
	var params struct{ Page, PageSize int }
	if err := json.NewDecoder(r.Body).Decode(&params); err != nil {
		return nil, err
	}
	from := min((params.Page-1)*params.PageSize, len(f.ids))
	to := min(from+params.PageSize, len(f.ids))
	total := f.total
	if total == 0 {
		total = len(f.ids)
	}
	return answerBody(listAnswer(total, f.ids[from:to]))(r)
}

func listAnswer(total int, ids []string) string {
	type item struct {
		ID string `json:"id"`
	}
	items := make([]item, len(ids))
	for i, id := range ids {
		items[i].ID = id
	}
	b, err := json.Marshal(map[string]any{"code": 0, "data": map[string]any{"total": total, "items": items}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// collect goes through all phones. No phone may come twice.
func collect(t *testing.T, c *Client, f PhoneListFilter) ([]string, error) {
	t.Helper()
	var ids []string
	var failed error
	for p, err := range c.AllPhones(t.Context(), f, nil) {
		switch {
		case failed != nil:
			t.Fatal("the sequence went on after an error")
		case err != nil:
			failed = err
		case slices.Contains(ids, p.ID):
			t.Fatalf("%s came twice", p.ID)
		default:
			ids = append(ids, p.ID)
		}
	}
	return ids, failed
}

func TestAllPhonesOfASteadyFleetComeInOnePass(t *testing.T) {
	for phones, requests := range map[int]int{0: 1, 1: 1, 99: 1, 100: 1, 101: 2, 200: 2, 201: 3, 1000: 10} {
		f := newFleet(phones)
		got, err := collect(t, newClient(t, f), PhoneListFilter{})
		if err != nil || !slices.Equal(got, f.ids) || f.requests != requests {
			t.Errorf("%d phones: got %d after %d requests, %v", phones, len(got), f.requests, err)
		}
	}
}

func TestAllPhonesThatWereThereThroughoutComeOnce(t *testing.T) {
	for name, change := range map[string]map[int]func(*fleet){
		"deletion on an earlier page":       {2: func(f *fleet) { f.remove(50, 51) }},
		"deletion on the last page":         {3: func(f *fleet) { f.remove(240, 250) }},
		"deletion of a page":                {2: func(f *fleet) { f.remove(0, 100) }},
		"deletion of all that remain":       {2: func(f *fleet) { f.remove(100, 250) }},
		"deletions between all pages":       {2: func(f *fleet) { f.remove(0, 1) }, 3: func(f *fleet) { f.remove(0, 1) }},
		"addition before the first":         {2: func(f *fleet) { f.insertAtFront("new") }},
		"addition behind the last":          {2: func(f *fleet) { f.add(1) }},
		"a page of additions":               {2: func(f *fleet) { f.insertAtFront(newIDs(100)...) }},
		"more pages of additions":           {2: func(f *fleet) { f.insertAtFront(newIDs(300)...) }},
		"move to a later page":              {2: func(f *fleet) { f.move(0, 249) }},
		"move to an earlier page":           {2: func(f *fleet) { f.move(249, 0) }},
		"move from the next page":           {2: func(f *fleet) { f.move(100, 0) }},
		"changes in the second pass too":    {2: func(f *fleet) { f.remove(0, 1) }, 5: func(f *fleet) { f.remove(0, 1) }},
		"deletion and addition on one page": {2: func(f *fleet) { f.remove(0, 2); f.insertAtFront("new") }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(250)
			f.change = change
			throughout := slices.Clone(f.ids)
			got, err := collect(t, newClient(t, f), PhoneListFilter{})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range throughout {
				if slices.Contains(f.ids, id) && !slices.Contains(got, id) {
					t.Errorf("%s is missing after %d requests", id, f.requests)
				}
			}
		})
	}
}

func newIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("new-%d", i)
	}
	return ids
}

func TestListingOfAnAPIThatMakesNoSenseEnds(t *testing.T) {
	page := func(n int) []string { return newFleet(n).ids }
	growing := 0
	for name, test := range map[string]struct {
		answer   step
		phones   int
		requests int
		short    bool // phones are missing
	}{
		"page is ignored":                         {answerBody(listAnswer(250, page(100))), 100, 6, true},
		"page is ignored, absurd":                 {answerBody(listAnswer(1<<40, page(100))), 100, 6, true},
		"a repetition too many":                   {answerBody(listAnswer(1, []string{"a", "a"})), 1, 3, false},
		"page with a repetition":                  {answerBody(listAnswer(2, []string{"a", "a"})), 1, 3, true},
		"an item of no phone beside a repetition": {answerBody(`{"code":0,"data":{"total":2,"items":[null,{"id":"a"},{"id":"a"}]}}`), 1, 3, false},
		"the same, and one more is counted":       {answerBody(`{"code":0,"data":{"total":3,"items":[null,{"id":"a"},{"id":"a"}]}}`), 1, 3, true},
		"a page of all, however many":             {answerBody(listAnswer(150, page(150))), 150, 1, false},
		"the same with an item of no phone":       {answerBody(strings.Replace(listAnswer(150, page(149)), "[", "[null,", 1)), 149, 1, false},
		"total that always grows": {func(r *http.Request) (*http.Response, error) {
			growing += 1000
			return answerBody(listAnswer(growing, page(100)))(r)
		}, 100, 6, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(test.answer)
			got, err := collect(t, newClient(t, s), PhoneListFilter{})
			if len(got) != test.phones || len(s.requests()) != test.requests {
				t.Errorf("got %d phones after %d requests, want %d after %d", len(got), len(s.requests()), test.phones, test.requests)
			}
			if short := err != nil && strings.Contains(err.Error(), "do not add up"); short != test.short {
				t.Errorf("error %v, want one of missing phones: %v", err, test.short)
			}
		})
	}
}

func TestListingOfAnAbsurdTotalGoesAsFarAsTheFleet(t *testing.T) {
	f := newFleet(250)
	f.total = 1 << 40
	got, err := collect(t, newClient(t, f), PhoneListFilter{})
	if err == nil || len(got) != 250 || f.requests != 4 {
		t.Errorf("got %d phones after %d requests, %v", len(got), f.requests, err)
	}
}

func TestListingAsksForNoPageBehindTheTotal(t *testing.T) {
	f := newFleet(199)
	f.total = 200
	got, err := collect(t, newClient(t, f), PhoneListFilter{})
	if err == nil || len(got) != 199 || f.requests != 2*3 {
		t.Errorf("got %d phones after %d requests, %v", len(got), f.requests, err)
	}
}

// An API that invents a new phone for every page.
func TestListingOfAnEndlessFleetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests, phones := 0, 0
		endless := func(r *http.Request) (*http.Response, error) {
			requests++
			return answerBody(fmt.Sprintf(`{"code":0,"data":{"total":%d,"items":[{"id":%d}]}}`, 1<<40, requests))(r)
		}
		c := newClient(t, transportFunc(endless))
		for _, err := range c.AllPhones(t.Context(), PhoneListFilter{}, nil) {
			if err == nil {
				phones++
			}
		}
		if want := 3 * 10_000; requests != want || phones != want {
			t.Errorf("%d phones after %d requests, want %d", phones, requests, want)
		}
	})
}

func TestListingByIDIsOneRequest(t *testing.T) {
	// The API answers with all of them, whatever the page.
	for _, ids := range [][]string{{"b"}, {"a", "b", "c"}} {
		s := play(answerBody(listAnswer(500, []string{"b", "a", "b"})))
		got, err := collect(t, newClient(t, s), PhoneListFilter{IDs: ids})
		if err != nil || !slices.Equal(got, []string{"b", "a"}) || len(s.requests()) != 1 {
			t.Errorf("by %q: got %q after %d requests, %v", ids, got, len(s.requests()), err)
		}
	}
}

func TestPhonesBehindARepetitionComeWithTheirPage(t *testing.T) {
	f := newFleet(250)
	f.change = map[int]func(*fleet){2: func(f *fleet) { f.insertAtFront("new") }}
	came := make(map[string]int) // after how many requests
	for p, err := range newClient(t, f).AllPhones(t.Context(), PhoneListFilter{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		came[p.ID] = f.requests
	}
	if came["phone-99"] != 1 || came["phone-100"] != 2 || came["phone-198"] != 2 || came["phone-199"] != 3 || came["new"] != 4 || f.requests != 6 {
		t.Errorf("after %d requests phones came with the %d., %d., %d., %d. and %d.", f.requests,
			came["phone-99"], came["phone-100"], came["phone-198"], came["phone-199"], came["new"])
	}
}

func TestAPageWhoseOnlyNewsIsAnItemOfNoPhoneIsNotTheLast(t *testing.T) {
	ids := newFleet(250).ids
	s := play(
		answerBody(listAnswer(251, ids[:100])),
		answerBody(strings.Replace(listAnswer(251, ids[:99]), "[", "[null,", 1)),
		answerBody(listAnswer(251, ids[200:])),
		answerCode(CodePermission),
	)
	got, err := collect(t, newClient(t, s), PhoneListFilter{})
	if len(got) != 150 || !errors.Is(err, CodePermission) {
		t.Errorf("got %d phones, %v", len(got), err)
	}
}

func TestConsumerMayStopTheListingEarly(t *testing.T) {
	for _, after := range []int{1, 100, 101, 150} {
		f := newFleet(250)
		n := 0
		for _, err := range newClient(t, f).AllPhones(t.Context(), PhoneListFilter{}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == after {
				break
			}
		}
		if want := (after + 99) / 100; f.requests != want {
			t.Errorf("%d requests for %d phones, want %d", f.requests, after, want)
		}
	}
}

func TestListingEndsWithTheFirstError(t *testing.T) {
	s := play(answerBody(listAnswer(250, newFleet(100).ids)), answerCode(CodePermission))
	got, err := collect(t, newClient(t, s), PhoneListFilter{})
	if len(got) != 100 || !errors.Is(err, CodePermission) || len(s.requests()) != 2 {
		t.Errorf("got %d phones, %v after %d requests", len(got), err, len(s.requests()))
	}
	if _, err := collect(t, newClient(t, s), PhoneListFilter{IDs: make([]string, 101)}); err == nil {
		t.Error("a filter out of bounds was accepted")
	}
}

func FuzzPhoneListData(f *testing.F) {
	for _, s := range []string{
		`{"total":1,"page":1,"pageSize":100,"items":[{"id":"1","serialName":"a"}]}`,
		`{"total":"2","items":[{"id":55753607532146839012},{"id":"x","proxy":{"password":"p"}}]}`,
		`{"total":1,"items":[{"id":"1"}],"Items":[{}]}`,
		`{"total":1e3}`, `{"items":[null]}`, `{}`, `null`, `0,"code":40008`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		c := newClient(t, play(answerBody(`{"code":0,"data":`+data+`}`)), WithRetries(0))
		got, err := c.PhoneList(t.Context(), PhoneListFilter{}, 1, 1)
		if err != nil {
			wantTyped(t, err)
			return
		}
		if !json.Valid([]byte(data)) {
			return // the data closed the envelope's object and went on in it
		}
		var items []member
		for _, i := range membersOf(data, "items", "id") {
			if i.id != "none" {
				items = append(items, i)
			}
		}
		if len(items) != len(got.Phones) || len(membersOf(data, "items", "id"))-len(items) != got.Skipped {
			t.Fatalf("got %+v of %s", got, data)
		}
		for i, p := range got.Phones {
			if p.ID == "" || p.ID != items[i].id {
				t.Fatalf("got %+v, want %s", p, items[i].id)
			}
		}
	})
}

func TestPageOfNothingButOddItemsIsNotTheLast(t *testing.T) {
	odd := strings.Repeat("null,", 99) + "null"
	s := play(answerBody(`{"code":0,"data":{"total":101,"items":[`+odd+`]}}`), answerBody(listAnswer(101, []string{"a"})))
	got, err := collect(t, newClient(t, s), PhoneListFilter{})
	if err != nil || !slices.Equal(got, []string{"a"}) || len(s.requests()) != 2 {
		t.Errorf("got %q after %d requests, %v", got, len(s.requests()), err)
	}
}

func TestListedPhoneHasWhatOperatorsGoBy(t *testing.T) {
	const everything = `"id":"1","serialName":"n","serialNo":"7","group":{"id":"9","name":"g","remark":"r"},"status":1,"tags":[{"name":"b"},{"name":"a"}],
		"chargeMode":1,"hasBind":true,"monthlyExpire":1900000000,"rpaStatus":1,"createTime":1700000000,
		"equipmentInfo":{"countryName":"c","osVersion":"o","deviceBrand":"b","deviceModel":"m","netType":1}`
	whole := Phone{
		ID: "1", SerialName: "n", SerialNo: "7", Group: Some("g"), Tags: []string{"b", "a"}, Status: Some(StatusStarting),
		ChargeMode: Some(ChargeMonthly), Bound: Some(true), MonthlyExpire: time.Unix(1_900_000_000, 0), RPARunning: Some(true), CreateTime: time.Unix(1_700_000_000, 0),
		Country: "c", OSVersion: "o", Brand: "b", Model: "m", NetType: Some(NetMobile),
	}
	unknown := Phone{ID: "1"}
	with := func(p Phone, change func(*Phone)) Phone { change(&p); return p }
	for item, want := range map[string]struct {
		phone Phone
		odd   string
	}{
		everything: {whole, ""},
		// The last of two counts.
		everything + `,"status":2,"tags":[{}],"chargeMode":0,"hasBind":false,"equipmentInfo":{"netType":0}`: {with(whole, func(p *Phone) {
			p.Status, p.Tags, p.ChargeMode, p.Bound = Some(StatusShutDown), []string{}, Some(ChargePerMinute), Some(false)
			p.Country, p.OSVersion, p.Brand, p.Model, p.NetType = "", "", "", "", Some(NetWiFi)
		}), ""},
		everything + `,"group":null,"tags":null,"equipmentInfo":null`: {with(whole, func(p *Phone) {
			p.Group, p.Tags, p.Country, p.OSVersion, p.Brand, p.Model, p.NetType = Optional[string]{}, nil, "", "", "", "", Optional[NetType]{}
		}), ""},
		`"id":1`: {unknown, ""},
		`"id":"1","serialName":null,"serialNo":null,"group":null,"status":null,"tags":null,"chargeMode":null,"hasBind":null,"monthlyExpire":null,"rpaStatus":null,"createTime":null,"equipmentInfo":null`: {unknown, ""},
		`"id":"1","serialName":1,"serialNo":1.5,"group":"g","status":"on","tags":"a","chargeMode":"x","hasBind":1,"monthlyExpire":"soon","rpaStatus":"yes","createTime":{},"equipmentInfo":[]`: {
			unknown, "serialName serialNo group status tags chargeMode hasBind monthlyExpire rpaStatus createTime equipmentInfo",
		},
		`"id":"1","status":"0","serialNo":12,"chargeMode":"0","rpaStatus":"1","monthlyExpire":"1900000000","equipmentInfo":{"netType":"0"}`: {Phone{
			ID: "1", SerialNo: "12", Status: Some(StatusStarted), ChargeMode: Some(ChargePerMinute), MonthlyExpire: time.Unix(1_900_000_000, 0), RPARunning: Some(true), NetType: Some(NetWiFi),
		}, ""},
		`"id":"1","status":2.0,"chargeMode":1e0,"rpaStatus":0.0,"createTime":17e8`: {Phone{
			ID: "1", Status: Some(StatusShutDown), ChargeMode: Some(ChargeMonthly), RPARunning: Some(false), CreateTime: time.Unix(1_700_000_000, 0),
		}, ""},
		`"id":"1","status":-1,"chargeMode":7,"rpaStatus":2,"monthlyExpire":-1,"createTime":0,"equipmentInfo":{"netType":2,"countryName":{},"osVersion":"o","deviceBrand":7}`: {Phone{
			ID: "1", Status: Some(Status(-1)), ChargeMode: Some(ChargeMode(7)), RPARunning: Some(false), OSVersion: "o", NetType: Some(NetType(2)),
		}, "monthlyExpire equipmentInfo.countryName equipmentInfo.deviceBrand"},
		`"id":"1","monthlyExpire":9223372036854775807,"createTime":1700000000000`:                       {unknown, "monthlyExpire createTime"},
		`"id":"1","monthlyExpire":-9223372036854775808,"createTime":1e300,"status":9223372036854775808`: {unknown, "monthlyExpire createTime status"},
		`"id":"1","hasBind":{},"tags":["x",{"name":3},{"name":"a"},null,{"name":""}],"createTime":1700000000`: {Phone{
			ID: "1", Tags: []string{"a"}, CreateTime: time.Unix(1_700_000_000, 0),
		}, "hasBind tags tags.name"},
		`"id":"1","group":{},"tags":[]`:               {with(unknown, func(p *Phone) { p.Tags = []string{} }), ""},
		`"id":"1","group":{"name":""},"tags":[{}]`:    {with(unknown, func(p *Phone) { p.Group, p.Tags = Some(""), []string{} }), ""},
		`"id":"1","group":{"name":7,"remark":{}}`:     {unknown, "group.name"},
		`"id":"1","remark":7,"proxy":7,"unheardOf":7`: {unknown, ""},
	} {
		body := `{"code":0,"data":{"total":3,"items":[{"id":"0"},{` + item + `},{"id":"2"}]}}`
		got, err := newClient(t, play(answerBody(body))).PhoneList(t.Context(), PhoneListFilter{}, 1, 100)
		if err != nil || len(got.Phones) != 3 || got.Phones[0].ID+got.Phones[2].ID != "02" {
			t.Errorf("%s: got %+v, %v", item, got, err)
			continue
		}
		if !reflect.DeepEqual(got.Phones[1], want.phone) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", item, got.Phones[1], want.phone)
		}
		var odd []string
		for _, o := range got.Oddities {
			if odd = append(odd, o.Field); o.ID != "1" {
				t.Errorf("%s: %+v is of another phone", item, o)
			}
		}
		if strings.Join(odd, " ") != want.odd {
			t.Errorf("%s: odd are %q, want %q", item, odd, want.odd)
		}
	}
}

func TestOdditiesOfAnAnswerAreBounded(t *testing.T) {
	items := make([]string, 100)
	for i := range items {
		items[i] = fmt.Sprintf(`{"id":"%d\u202e%s","serialName":7,"status":"?"}`, i, strings.Repeat("x", 500))
	}
	got, err := newClient(t, play(answerBody(`{"code":0,"data":{"total":100,"items":[`+strings.Join(items, ",")+`]}}`))).PhoneList(t.Context(), PhoneListFilter{}, 1, 100)
	if err != nil || len(got.Phones) != 100 || len(got.Oddities) != 100 {
		t.Fatalf("got %d phones, %d oddities, %v", len(got.Phones), len(got.Oddities), err)
	}
	for _, o := range got.Oddities {
		if len(o.ID) > 64 || strings.Contains(o.ID, "\u202e") {
			t.Errorf("%q is not fit for a log", o.ID)
		}
	}
}

func TestConnectionIsNamedInTheWordsOfLabels(t *testing.T) {
	for n, want := range map[NetType]string{NetWiFi: "wifi", NetMobile: "mobile", 2: "unknown", -1: "unknown"} {
		if got := n.String(); got != want {
			t.Errorf("%d: got %q, want %q", int(n), got, want)
		}
	}
}

func TestChargeModeIsNamedInTheWordsOfLabels(t *testing.T) {
	for mode, want := range map[ChargeMode]string{ChargePerMinute: "per_minute", ChargeMonthly: "monthly", 2: "unknown", -1: "unknown"} {
		if got := mode.String(); got != want {
			t.Errorf("%d: got %q, want %q", int(mode), got, want)
		}
	}
}

// listPageOf returns an answer with n phones of which everything is told.
func listPageOf(t testing.TB, n int) string {
	t.Helper()
	documented := readTestdata(t, "phone-list.json")
	from, to := strings.Index(documented, `"items": [`)+len(`"items": [`), strings.LastIndex(documented, "]")
	var items []string
	for i := range n {
		items = append(items, strings.ReplaceAll(documented[from:to], "497652752405725185", fmt.Sprint(497652752405725185+i)))
	}
	page := documented[:from] + strings.Join(items, ",") + documented[to:]
	page = strings.Replace(page, `"total": 1`, fmt.Sprintf(`"total": %d`, n), 1)
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(page)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func BenchmarkDecodeListOf100Phones(b *testing.B) {
	answer := served(listPageOf(b, MaxListPageSize))
	h := &envelopeHandler{next: answer}
	b.ReportAllocs()
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		d := phoneListData{}
		if err := h.do(b.Context(), &call{endpoint: EndpointPhoneList, out: &d}); err != nil {
			b.Fatal(err)
		}
		if n := len(d.page.Phones); n != MaxListPageSize {
			b.Fatal(n)
		}
	}
}
