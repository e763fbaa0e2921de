package geelarktest

import (
	"reflect"
	"slices"
	"strings"

	"geelark_exporter/geelark"
)

// The limits of "Get all cloud phones".
const (
	defaultPageSize = 10
	maxPageSize     = 100
	maxListIDs      = 100
	maxProxyIDs     = 10
	maxSerialNos    = 100
)

// A listRequest holds the parameters of phone/list, all optional.
type listRequest struct {
	Page       *int     `json:"page"`
	PageSize   *int     `json:"pageSize"`
	IDs        []string `json:"ids"`
	SerialName string   `json:"serialName"`
	Remark     string   `json:"remark"`
	GroupName  string   `json:"groupName"`
	Tags       []string `json:"tags"`
	ChargeMode *int     `json:"chargeMode"`
	OpenStatus *int     `json:"openStatus"`
	ProxyIDs   []string `json:"proxyIds"`
	SerialNos  []string `json:"serialNos"`
}

// check validates the parameters and fills in the defaults.
func (r *listRequest) check() geelark.Code {
	if len(r.IDs) > maxListIDs || len(r.ProxyIDs) > maxProxyIDs || len(r.SerialNos) > maxSerialNos ||
		outside(r.ChargeMode, perMinute, monthly) || outside(r.OpenStatus, 0, 1) {
		return geelark.CodeParameter
	}
	one, size := 1, defaultPageSize
	if len(r.IDs) > 0 {
		// page and pageSize "will not take effect": all is on one page.
		r.Page, r.PageSize = nil, nil
		size = len(r.IDs)
	}
	if r.Page == nil {
		r.Page = &one
	}
	if r.PageSize == nil {
		r.PageSize = &size
	}
	if *r.Page < 1 || *r.PageSize < 1 || *r.PageSize > maxPageSize {
		return geelark.CodePage
	}
	return geelark.CodeOK
}

// filtered reports whether there are filters at all; without them a page of a
// large fleet costs no walk through it.
func (r listRequest) filtered() bool {
	r.Page, r.PageSize, r.IDs = nil, nil, nil
	return !reflect.ValueOf(r).IsZero()
}

// matches reports whether a phone passes the filters, which are "ignored if
// empty" and must all agree. The document does not say how each compares:
// here serialName and remark are searched for, groupName is the whole name,
// and of several tags one is enough.
func (r *listRequest) matches(p *phone) bool {
	on := p.Status == started || p.Status == starting
	off := p.Status == shutDown || p.Status == expired
	return strings.Contains(p.SerialName, r.SerialName) &&
		strings.Contains(p.Remark, r.Remark) &&
		(r.GroupName == "" || p.Group == r.GroupName) &&
		(len(r.Tags) == 0 || slices.ContainsFunc(r.Tags, func(tag string) bool { return slices.Contains(p.Tags, tag) })) &&
		(r.ChargeMode == nil || p.ChargeMode == *r.ChargeMode) &&
		(r.OpenStatus == nil || *r.OpenStatus == 0 && off || *r.OpenStatus == 1 && on) &&
		(len(r.ProxyIDs) == 0 || slices.Contains(r.ProxyIDs, p.ProxyID)) &&
		(len(r.SerialNos) == 0 || slices.Contains(r.SerialNos, p.SerialNo))
}

// phoneList answers phone/list ("Get all cloud phones"). Phones asked for by
// id come in the order of the ids, each once; unknown ids are left out.
func (s *Server) phoneList(body []byte, f Fault) (any, geelark.Code) {
	var request listRequest
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	if code := request.check(); code != geelark.CodeOK {
		return nil, code
	}

	from := s.fleet.order
	if len(request.IDs) > 0 {
		from = nil
		for _, id := range request.IDs {
			if p := s.fleet.phones[id]; p != nil && !slices.Contains(from, p) {
				from = append(from, p)
			}
		}
	}
	if request.filtered() {
		var matching []*phone
		for _, p := range from {
			if request.matches(p) {
				matching = append(matching, p)
			}
		}
		from = matching
	}

	total, page, size := len(from), *request.Page, *request.PageSize
	first := min(min(page-1, total)*size, total)
	answer := list{Total: total, Page: page, PageSize: size, Items: []listItem{}}
	for _, p := range from[first:min(first+size, total)] {
		if slices.Contains(f.OmitIDs, p.ID) {
			continue
		}
		answer.Items = append(answer.Items, s.listItem(p))
	}
	return answer, geelark.CodeOK
}

type list struct {
	Total    int        `json:"total"`
	Page     int        `json:"page"`
	PageSize int        `json:"pageSize"`
	Items    []listItem `json:"items"`
}

type listItem struct {
	ID            string        `json:"id"`
	SerialName    string        `json:"serialName"`
	SerialNo      string        `json:"serialNo"`
	Group         listGroup     `json:"group"`
	Remark        string        `json:"remark"`
	Status        int           `json:"status"`
	Tags          []listTag     `json:"tags"`
	EquipmentInfo listEquipment `json:"equipmentInfo"`
	Proxy         listProxy     `json:"proxy"`
	ChargeMode    int           `json:"chargeMode"`
	HasBind       bool          `json:"hasBind"`
	MonthlyExpire int64         `json:"monthlyExpire"`
	RPAStatus     int           `json:"rpaStatus"`
	CreateTime    int64         `json:"createTime"`
}

type listGroup struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Remark string `json:"remark"`
}

type listTag struct {
	Name string `json:"name"`
}

type listEquipment struct {
	CountryName  string `json:"countryName"`
	PhoneNumber  string `json:"phoneNumber"`
	EnableSim    int    `json:"enableSim"`
	IMEI         string `json:"imei"`
	OSVersion    string `json:"osVersion"`
	WifiBSSID    string `json:"wifiBssid"`
	MAC          string `json:"mac"`
	BluetoothMAC string `json:"bluetoothMac"`
	TimeZone     string `json:"timeZone"`
	DeviceBrand  string `json:"deviceBrand"`
	DeviceModel  string `json:"deviceModel"`
	DeviceName   string `json:"deviceName"`
	NetType      int    `json:"netType"`
	Language     string `json:"language"`
	Province     string `json:"province"`
	City         string `json:"city"`
}

type listProxy struct {
	Type     string `json:"type"`
	Server   string `json:"server"`
	Port     int    `json:"port"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// listItem shows a phone with every documented field. The document knows no
// status 3 here, so an expired phone shows as shut down.
func (s *Server) listItem(p *phone) listItem {
	status := p.Status
	if status == expired {
		status = shutDown
	}
	tags := []listTag{}
	for _, name := range p.Tags {
		tags = append(tags, listTag{name})
	}
	g, d, c := s.fleet.groups[p.Group], p.device(), p.country
	return listItem{
		ID:         p.ID,
		SerialName: p.SerialName,
		SerialNo:   p.SerialNo,
		Group:      listGroup(g),
		Remark:     p.Remark,
		Status:     status,
		Tags:       tags,
		EquipmentInfo: listEquipment{
			CountryName:  p.Country,
			PhoneNumber:  d.phoneNumber,
			EnableSim:    1,
			IMEI:         d.imei,
			OSVersion:    p.OSVersion,
			WifiBSSID:    d.wifiBSSID,
			MAC:          d.mac,
			BluetoothMAC: d.bluetoothMAC,
			TimeZone:     c.timeZone,
			DeviceBrand:  p.Brand,
			DeviceModel:  p.Model,
			DeviceName:   p.Model,
			NetType:      p.NetType,
			Language:     c.language,
			Province:     c.province,
			City:         c.city,
		},
		Proxy:         listProxy{p.proxy.kind, p.proxy.server, p.proxy.port, p.proxy.username, p.proxy.password},
		ChargeMode:    p.ChargeMode,
		HasBind:       p.HasBind,
		MonthlyExpire: p.MonthlyExpire,
		RPAStatus:     p.RPAStatus,
		CreateTime:    p.CreateTime,
	}
}
