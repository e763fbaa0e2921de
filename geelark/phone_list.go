package geelark

import (
	"context"
	"encoding/json"
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

// A PhoneListFilter selects phones (document "Get all cloud phones"). Empty
// fields do not filter.
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
}

// A Phone is what phone/list tells of a phone, without what nobody here has a
// use for: no phone number, IMEI, MAC address or proxy is decoded.
type Phone struct {
	ID            string
	SerialName    string
	SerialNo      string
	Group         string // its name
	Tags          []string
	Status        Status // never [StatusExpired], which the list does not tell
	HasStatus     bool   // Status was in the answer
	ChargeMode    ChargeMode
	Bound         bool      // to a monthly subscription
	MonthlyExpire time.Time // when the subscription ends, zero without one
	RPARunning    bool      // an automation task is running
	CreateTime    time.Time // zero when unknown
	Country       string
	OSVersion     string
	Brand         string
	Model         string
	NetType       string // "wifi", "mobile" or ""
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

type phoneListData struct {
	Total *flexInt      `json:"total"`
	Items []listedPhone `json:"items"`
}

type listedPhone struct {
	ID         *flexID `json:"id"`
	SerialName string  `json:"serialName"`
	SerialNo   looseID `json:"serialNo"`
	Group      struct {
		Name string `json:"name"`
	} `json:"group"`
	Tags          tagNames `json:"tags"`
	Status        looseInt `json:"status"`
	ChargeMode    looseInt `json:"chargeMode"`
	HasBind       bool     `json:"hasBind"`
	MonthlyExpire looseInt `json:"monthlyExpire"`
	RPAStatus     looseInt `json:"rpaStatus"`
	CreateTime    looseInt `json:"createTime"`
	EquipmentInfo struct {
		CountryName string   `json:"countryName"`
		OSVersion   string   `json:"osVersion"`
		DeviceBrand string   `json:"deviceBrand"`
		DeviceModel string   `json:"deviceModel"`
		NetType     looseInt `json:"netType"`
	} `json:"equipmentInfo"`
}

// UnmarshalJSON takes fields of another type than the documented one as missing:
// they must not make a page of phones unreadable. The id is not one of them.
func (l *listedPhone) UnmarshalJSON(b []byte) error {
	type plain listedPhone
	*l = listedPhone{} // encoding/json decodes a second list over the first
	err := json.Unmarshal(b, (*plain)(l))
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil // encoding/json has gone on behind the field
	}
	return err
}

// tagNames are the names of tags, without what is no tag.
type tagNames []string

func (t *tagNames) UnmarshalJSON(b []byte) error {
	var tags []struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(b, &tags)
	*t = nil
	for _, tag := range tags {
		if tag.Name != "" {
			*t = append(*t, tag.Name)
		}
	}
	return nil
}

func (l *listedPhone) phone() Phone {
	p := Phone{
		ID: string(*l.ID), SerialName: l.SerialName, SerialNo: string(l.SerialNo), Group: l.Group.Name,
		ChargeMode: ChargeMode(l.ChargeMode.or(-1)), Bound: l.HasBind, MonthlyExpire: l.MonthlyExpire.time(),
		RPARunning: l.RPAStatus.or(0) == 1, CreateTime: l.CreateTime.time(),
		Country: l.EquipmentInfo.CountryName, OSVersion: l.EquipmentInfo.OSVersion,
		Brand: l.EquipmentInfo.DeviceBrand, Model: l.EquipmentInfo.DeviceModel, Tags: l.Tags,
	}
	if l.Status.ok {
		p.Status, p.HasStatus = Status(l.Status.n), true
	}
	switch l.EquipmentInfo.NetType.or(-1) {
	case 0:
		p.NetType = "wifi"
	case 1:
		p.NetType = "mobile"
	}
	return p
}

// UnmarshalJSON refuses a page without a total or with a phone without an id.
func (d *phoneListData) UnmarshalJSON(b []byte) error {
	type plain phoneListData
	if err := json.Unmarshal(b, (*plain)(d)); err != nil {
		return err
	}
	if d.Total == nil {
		return errors.New("no total")
	}
	for _, i := range d.Items {
		if i.ID == nil || *i.ID == "" {
			return errors.New("phone without id")
		}
	}
	return nil
}

// PhoneList returns one page, from 1, of pageSize phones, 1 to
// [MaxListPageSize]. With ids in the filter the API ignores both and answers
// with all of them. Its errors are those of [Client.PhoneStatus].
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
	var data phoneListData
	at, err := c.call(ctx, EndpointPhoneList, nil, params, &data)
	if err != nil {
		return nil, err
	}
	r := &PhonePage{At: at, Total: int(*data.Total)}
	for _, i := range data.Items {
		r.Phones = append(r.Phones, i.phone())
	}
	return r, nil
}

// A ListedPhone is a phone of [Client.AllPhones] and when its page was asked for.
type ListedPhone struct {
	Phone
	At time.Time
}

// AllPhones goes through every phone that the filter selects, each once.
//
// A fleet can change between two pages: a phone that moves to an earlier page
// is skipped, one that moves to a later page comes twice. Repetitions are left
// out. When the pages of a pass do not add up, another pass yields what the one
// before has skipped; after a few passes that found fewer phones than there are,
// the last item is an error. The sequence ends with the first error.
func (c *Client) AllPhones(ctx context.Context, f PhoneListFilter) iter.Seq2[ListedPhone, error] {
	return func(yield func(ListedPhone, error) bool) {
		seen := make(map[string]int) // the pass that met a phone last
		total := 0
		for pass := 1; pass <= maxListPasses; pass++ {
			var steady, more bool
			if total, steady, more = c.listPass(ctx, f, pass, seen, yield); steady || !more {
				return
			}
		}
		if len(seen) < total {
			yield(ListedPhone{}, fmt.Errorf("%s: the pages do not add up: %d phones of %d after going through them %d times",
				EndpointPhoneList, len(seen), total, maxListPasses))
		}
	}
}

// listPass goes through all pages once and yields the phones that were not seen
// before. It reports the last page's total, whether the pages added up, and
// whether to go on.
func (c *Client) listPass(ctx context.Context, f PhoneListFilter, pass int, seen map[string]int, yield func(ListedPhone, error) bool) (total int, steady, more bool) {
	met := 0
	steady = true
	total = -1
	for page := 1; page <= maxListPages; page++ {
		p, err := c.PhoneList(ctx, f, page, MaxListPageSize)
		if err != nil {
			yield(ListedPhone{}, err)
			return total, false, false
		}
		if total >= 0 && p.Total != total {
			steady = false
		}
		total = p.Total
		onward := false
		for _, ph := range p.Phones {
			last := seen[ph.ID]
			seen[ph.ID] = pass
			if last == pass {
				steady = false
				continue
			}
			onward = true
			met++
			if last > 0 {
				continue
			}
			if !yield(ListedPhone{ph, p.At}, nil) {
				return total, false, false
			}
		}
		// A page of nothing but repetitions comes from a fleet that has grown by a
		// page, and another pass is due, or from an API that ignores the page.
		if len(f.IDs) > 0 || !onward || page*MaxListPageSize >= total || met >= total {
			break
		}
	}
	if len(f.IDs) > 0 {
		return total, true, false
	}
	return total, steady && met == total, true
}
