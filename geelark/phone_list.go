package geelark

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

const (
	// MaxListPageSize is the most phones on one page of phone/list.
	MaxListPageSize = 100
	// MaxListIDs is the most ids in a [PhoneListFilter].
	MaxListIDs = 100
	// MaxListProxyIDs is the most proxy ids in a [PhoneListFilter].
	MaxListProxyIDs = 10
	// MaxListSerialNos is the most serial numbers in a [PhoneListFilter].
	MaxListSerialNos = 100

	// A listing ends somewhere even when an answer's total makes no sense:
	// a million phones.
	maxListPages = 10_000
	// A fleet that moves while it is listed is gone through again, this often
	// in all.
	maxListPasses = 3
)

// A ChargeMode is how a phone is paid for.
type ChargeMode int

// The documented charge modes.
const (
	ChargePerMinute ChargeMode = 0
	ChargeMonthly   ChargeMode = 1
)

// String returns the mode in the words of metric labels: "per_minute",
// "monthly", and "unknown" for any other.
func (m ChargeMode) String() string {
	switch m {
	case ChargePerMinute:
		return "per_minute"
	case ChargeMonthly:
		return "monthly"
	}
	return "unknown"
}

// A PhoneListFilter selects phones (document "Get all cloud phones" of the [API
// reference]). Empty fields do not filter.
//
// [API reference]: https://doc.geelark.com/web/#/602813392
type PhoneListFilter struct {
	IDs        []string // at most MaxListIDs
	SerialName string
	Remark     string
	GroupName  string
	Tags       []string
	ChargeMode *ChargeMode
	Open       *bool // powered on or not
	ProxyIDs   []string
	SerialNos  []string
}

func (f PhoneListFilter) check() error {
	for _, l := range []struct {
		name      string
		n, atMost int
	}{
		{"ids", len(f.IDs), MaxListIDs},
		{"proxy ids", len(f.ProxyIDs), MaxListProxyIDs},
		{"serial numbers", len(f.SerialNos), MaxListSerialNos},
	} {
		if l.n > l.atMost {
			return fmt.Errorf("%s: takes at most %d %s, not %d", EndpointPhoneList, l.atMost, l.name, l.n)
		}
	}
	return nil
}

// A PhonePage is one page of phone/list.
type PhonePage struct {
	At     time.Time // when the answered request was sent
	Total  int       // phones that the filter selects, on all pages
	Phones []Phone
	// Skipped are items that named no phone: without an id, or with one that is
	// neither a string nor a number of digits.
	Skipped int
	// Oddities are fields of other kinds than the documented ones, at most 100.
	Oddities []Oddity
}

// A Phone is what phone/list tells of a phone, without what nobody here has a
// use for: no phone number, IMEI, MAC address or proxy is decoded.
//
// Answers leave fields out, older ones many. A text that was not told is "", a
// time the zero time, and anything else an [Optional] without a value. A field
// of another kind than the documented one counts as not told.
type Phone struct {
	ID            string
	SerialName    string
	SerialNo      string
	Group         Optional[string] // its name, "" for a phone in no group
	Tags          []string         // nil when not told
	Status        Optional[Status] // never [StatusExpired], which the list does not tell
	ChargeMode    Optional[ChargeMode]
	Bound         Optional[bool] // to a monthly subscription
	MonthlyExpire time.Time      // when the subscription ends, zero without one too
	RPARunning    Optional[bool] // an automation task is running
	CreateTime    time.Time
	Country       string
	OSVersion     string
	Brand         string
	Model         string
	NetType       Optional[NetType]
}

// A NetType is how a phone is connected.
type NetType int

// The documented connections.
const (
	NetWiFi   NetType = 0
	NetMobile NetType = 1
)

// String returns the connection in the words of metric labels: "wifi",
// "mobile", and "unknown" for any other.
func (n NetType) String() string {
	switch n {
	case NetWiFi:
		return "wifi"
	case NetMobile:
		return "mobile"
	}
	return "unknown"
}

type phoneListParams struct {
	Page       int         `json:"page"`
	PageSize   int         `json:"pageSize"`
	IDs        []string    `json:"ids,omitempty"`
	SerialName string      `json:"serialName,omitempty"`
	Remark     string      `json:"remark,omitempty"`
	GroupName  string      `json:"groupName,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
	ChargeMode *ChargeMode `json:"chargeMode,omitempty"`
	OpenStatus *int        `json:"openStatus,omitempty"`
	ProxyIDs   []string    `json:"proxyIds,omitempty"`
	SerialNos  []string    `json:"serialNos,omitempty"`
}

// phoneListData is the data of phone/list.
type phoneListData struct {
	before int  // phones on the pages before
	byID   bool // the API answers with all phones at once

	total  Optional[int]
	noList bool // there is something else instead
	page   PhonePage
	items  int
}

func (d *phoneListData) read(r *reader) {
	*d = phoneListData{before: d.before, byID: d.byID}
	r.object(func(name []byte) {
		switch string(name) {
		case "total":
			d.total = integer[int](r)
		case "items":
			d.readItems(r)
		}
	})
}

// readItems takes a list of phones anew.
func (d *phoneListData) readItems(r *reader) {
	d.items, d.page = 0, PhonePage{}
	isNull := r.isNull()
	d.noList = !r.list(func() {
		d.items++
		mark := r.mark()
		p := readPhone(r)
		if p.ID == "" {
			d.page.Skipped++
		} else {
			d.page.Phones = append(d.page.Phones, p)
		}
		d.page.Oddities = appendOddities(d.page.Oddities, p.ID, r.oddSince(mark))
	}) && !isNull
}

func readPhone(r *reader) (p Phone) {
	r.object(func(name []byte) {
		switch string(name) {
		case "id":
			p.ID = r.id()
		case "serialName":
			p.SerialName = r.text()
		case "serialNo":
			p.SerialNo = scalar(r, parseID).Or("")
		case "group":
			p.Group = readName(r)
		case "tags":
			p.Tags = readTags(r)
		case "status":
			p.Status = integer[Status](r)
		case "chargeMode":
			p.ChargeMode = integer[ChargeMode](r)
		case "hasBind":
			p.Bound = r.boolean()
		case "monthlyExpire":
			p.MonthlyExpire = r.seconds()
		case "rpaStatus":
			p.RPARunning = r.flag()
		case "createTime":
			p.CreateTime = r.seconds()
		case "equipmentInfo":
			readEquipment(r, &p)
		}
	})
	return p
}

func readEquipment(r *reader, p *Phone) {
	p.Country, p.OSVersion, p.Brand, p.Model, p.NetType = "", "", "", "", Optional[NetType]{}
	r.object(func(name []byte) {
		switch string(name) {
		case "countryName":
			p.Country = r.text()
		case "osVersion":
			p.OSVersion = r.text()
		case "deviceBrand":
			p.Brand = r.text()
		case "deviceModel":
			p.Model = r.text()
		case "netType":
			p.NetType = integer[NetType](r)
		}
	})
}

// readTags takes the names of tags, without what is no tag. Those of a list of
// none are not nil.
func readTags(r *reader) (names []string) {
	tags := []string{}
	if r.list(func() {
		if name := readName(r).Or(""); name != "" {
			tags = append(tags, name)
		}
	}) {
		return tags
	}
	return nil
}

// readName takes the member name of an object.
func readName(r *reader) (name Optional[string]) {
	r.object(func(member []byte) {
		if string(member) == "name" {
			name = scalar(r, parseText)
		}
	})
	return name
}

// accepts nothing: a part of a list does not tell which phones there are.
func (d *phoneListData) accepts(Code) bool { return false }

// check refuses a page by which phones would seem to be gone although it does not
// say so.
func (d *phoneListData) check() error {
	total, ok := d.total.Get()
	before := d.before
	if d.byID {
		before = 0
	}
	switch {
	case !ok || total < 0:
		return errors.New("the answer has no total that can be read")
	case d.noList:
		return errors.New("the answer's items are no list")
	case d.items == 0 && total > before:
		return errors.New("the answer contradicts itself: it counts phones and lists none")
	case d.different() > max(0, total-before):
		return errors.New("the answer contradicts itself: it lists more phones than it counts")
	}
	return nil
}

// different returns how many of the items are not repetitions.
func (d *phoneListData) different() int {
	ids := make(map[string]bool)
	for _, p := range d.page.Phones {
		ids[p.ID] = true
	}
	return len(ids) + d.page.Skipped
}

// PhoneList returns one page, from 1, of pageSize phones, 1 to
// [MaxListPageSize] (document "Get all cloud phones" of the [API reference]).
// With ids in the filter the API ignores both and answers with all of them.
//
// An item that cannot be read is skipped. A page that contradicts itself is an
// error, as it is to list none of the phones that it counts, or more of them: it
// must not read as a fleet that is gone. Its errors are those of
// [Client.PhoneStatus].
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c *Client) PhoneList(ctx context.Context, f PhoneListFilter, page, pageSize int) (*PhonePage, error) {
	if page < 1 || pageSize < 1 || pageSize > MaxListPageSize {
		return nil, fmt.Errorf("%s: takes pages from 1 of 1 to %d phones, not page %d of %d", EndpointPhoneList, MaxListPageSize, page, pageSize)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	params := phoneListParams{
		Page: page, PageSize: pageSize,
		IDs: f.IDs, SerialName: f.SerialName, Remark: f.Remark, GroupName: f.GroupName,
		Tags: f.Tags, ChargeMode: f.ChargeMode, ProxyIDs: f.ProxyIDs, SerialNos: f.SerialNos,
	}
	if f.Open != nil {
		open := 0
		if *f.Open {
			open = 1
		}
		params.OpenStatus = &open
	}
	d := phoneListData{before: (page - 1) * pageSize, byID: len(f.IDs) > 0}
	at, err := c.call(ctx, EndpointPhoneList, nil, params, &d)
	if err != nil {
		return nil, err
	}
	d.page.At = at
	d.page.Total, _ = d.total.Get()
	return &d.page, nil
}

// A ListedPhone is a phone of [Client.AllPhones] and when its page was asked for.
type ListedPhone struct {
	Phone
	At time.Time
}

// AllPhones goes through every phone that the filter selects, each once. It tells
// pages, unless that is nil, of each answer, before its phones come.
//
// A fleet can change between two pages: a phone that moves to an earlier page
// is skipped, one that moves to a later page comes twice. Repetitions are left
// out. When the pages of a pass do not add up, another pass yields what the one
// before has skipped; after a few passes that found fewer phones than there are,
// the last item is an error. The sequence ends with the first error.
func (c *Client) AllPhones(ctx context.Context, f PhoneListFilter, pages func(*PhonePage)) iter.Seq2[ListedPhone, error] {
	return func(yield func(ListedPhone, error) bool) {
		l := listing{client: c, filter: f, pages: pages, yield: yield, seen: make(map[string]int)}
		for pass := 1; pass <= maxListPasses; pass++ {
			if !l.pass(ctx, pass) {
				return
			}
		}
		if known := len(l.seen) + l.skipped; known < l.total {
			yield(ListedPhone{}, fmt.Errorf("%s: the pages do not add up: %d phones of %d after going through them %d times",
				EndpointPhoneList, known, l.total, maxListPasses))
		}
	}
}

// A listing goes through the pages of one [Client.AllPhones].
type listing struct {
	client *Client
	filter PhoneListFilter
	pages  func(*PhonePage)
	yield  func(ListedPhone, error) bool

	seen    map[string]int // the pass that met a phone last
	skipped int            // items of the last pass that named no phone
	total   int            // as the last page has it
}

// pass goes through all pages once and yields the phones that were not seen
// before. It reports whether another pass is due, since the pages do not add up.
func (l *listing) pass(ctx context.Context, pass int) (again bool) {
	met := 0 // phones
	steady := true
	l.skipped = 0
	for page := 1; page <= maxListPages; page++ {
		p, err := l.client.PhoneList(ctx, l.filter, page, MaxListPageSize)
		if err != nil {
			l.yield(ListedPhone{}, err)
			return false
		}
		if l.pages != nil {
			l.pages(p)
		}
		if page > 1 && p.Total != l.total {
			steady = false
		}
		l.total = p.Total
		l.skipped += p.Skipped
		onward := p.Skipped > 0
		for _, ph := range p.Phones {
			last := l.seen[ph.ID]
			l.seen[ph.ID] = pass
			if last == pass {
				steady = false
				continue
			}
			onward = true
			met++
			if last == 0 && !l.yield(ListedPhone{ph, p.At}, nil) {
				return false
			}
		}
		if len(l.filter.IDs) > 0 { // they have one page
			return false
		}
		// A page of nothing but repetitions comes from a fleet that has grown by a
		// page, and another pass is due, or from an API that ignores the page.
		if !onward || page*MaxListPageSize >= l.total || met+l.skipped >= l.total {
			break
		}
	}
	return !steady || met+l.skipped != l.total
}
