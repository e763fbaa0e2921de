package geelarktest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// The documented statuses of a phone ("Query status").
const (
	started  = 0
	starting = 1
	shutDown = 2
	expired  = 3
)

// The documented charge modes ("Get all cloud phones").
const (
	perMinute = 0
	monthly   = 1
)

// A Phone is what a simulated phone is known by. It holds none of the
// personal data that phone/list shows; for these see [Server.Secrets].
type Phone struct {
	ID            string // 18 decimal digits
	SerialName    string
	SerialNo      string // "1" for the first phone of the account, and so on
	Group         string // the group's name
	Remark        string
	Tags          []string
	ChargeMode    int   // 0: per minute, 1: monthly
	HasBind       bool  // bound to a monthly device
	MonthlyExpire int64 // Unix seconds; 0: no monthly phone
	CreateTime    int64 // Unix seconds
	Status        int   // 0: started, 1: starting, 2: shut down, 3: expired
	RPAStatus     int   // 1: a task is running
	ProxyID       string
	Brand         string
	Model         string
	OSVersion     string
	Country       string
	NetType       int // 0: Wi-Fi, 1: mobile
}

// A phone is one of the fleet, with what only the server knows about it.
type phone struct {
	Phone
	number   uint64 // the id's; also the number of its own random stream
	country  country
	proxy    *proxy
	chance   *rand.Rand // decides its life
	living   bool       // its schedule goes on by itself
	stopping bool       // it was told to stop and still reports what it was
	charge   charging   // what it is charged by while it is on
	billed   int        // its place in usage.phones, from 1; 0: none
	session  *session   // that is billed
	task     *task      // that it runs, or that it is being started for
	due      time.Time  // when its schedule moves it on, unless its month ends before
	lapses   bool       // its owner will not renew it
	version  int        // of its schedule; events of another version are void
}

type proxy struct {
	id, kind, server, username, password string
	port                                 int
}

type group struct{ ID, Name, Remark string }

// A fleet is the account's phones.
type fleet struct {
	seed                  uint64
	rng                   *rand.Rand
	still                 bool
	calm                  bool
	now                   time.Time
	present               time.Time // when the server began, which is after its past
	order                 []*phone  // as phone/list shows them
	phones                map[string]*phone
	groups                map[string]group
	proxies               []*proxy
	named                 map[string]int // phones named after a group
	made                  int            // phones ever made
	parallels, inParallel int            // phones that may be on without extra charge, and that are
	events                events
	usage                 *usage // nil: nothing is billed
	tasks                 *tasks // nil: there are none
	trouble               []Trouble
}

func newFleet(size int, seed uint64, now, present time.Time, still, calm bool, u *usage) *fleet {
	f := &fleet{
		present: present,
		calm:    calm,
		usage:   u,
		seed:    seed,
		rng:     rand.New(rand.NewPCG(seed, streamFleet)),
		still:   still,
		now:     now,
		phones:  map[string]*phone{},
		groups:  map[string]group{},
		named:   map[string]int{},

		parallels: max(size, 0)*3/4 + 3,
	}
	if u != nil { // most pay by the minute
		f.parallels = max(size/12, 1)
	}
	for _, g := range groups {
		f.groups[g.name] = group{decimal(f.number()), g.name, g.remark}
	}
	// Proxies are shared by about five phones each.
	for i := range max(size/5, 3) {
		f.proxies = append(f.proxies, &proxy{
			id:       decimal(f.number()),
			kind:     proxyTypes[i%len(proxyTypes)],
			server:   fmt.Sprintf("198.%d.%d.%d", 18+i>>16&1, i>>8&255, i&255), // RFC 2544's block for tests
			port:     20000 + f.rng.IntN(20000),
			username: fmt.Sprintf("proxy-user-%06d", i),
			password: fmt.Sprintf("proxy-pass-%012x", f.rng.Uint64()>>16),
		})
	}
	statuses := f.startStatuses(max(size, 0))
	for _, status := range statuses {
		f.add(status)
	}
	return f
}

// startStatuses returns the statuses of a new fleet in a random order: 60%
// started, 3% starting, 2% expired (one in a calm one), the others shut down;
// at least one of each from ten phones on.
func (f *fleet) startStatuses(size int) []int {
	least, expiredShare := 0, 2
	if f.calm {
		expiredShare = 0
	}
	if size >= 10 {
		least = 1
	}
	statuses := slices.Repeat([]int{shutDown}, size)
	n := size * 60 / 100
	copy(statuses, make([]int, n)) // started is 0
	for _, part := range []struct{ status, percent int }{{starting, 3}, {expired, expiredShare}} {
		for range max(size*part.percent/100, least) {
			statuses[n] = part.status
			n++
		}
	}
	f.rng.Shuffle(size, func(i, j int) { statuses[i], statuses[j] = statuses[j], statuses[i] })
	return statuses
}

// number makes an id's number: 18 digits as the vendor's ids have them, which
// a float64 cannot hold. The multiples of 64 that it could hold are left out.
func (f *fleet) number() uint64 {
	for {
		n := 500_000_000_000_000_000 + f.rng.Uint64N(200_000_000_000_000_000)
		if _, taken := f.phones[decimal(n)]; !taken && n%64 != 0 {
			return n
		}
	}
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// add makes a phone with the status, at the end of the list.
func (f *fleet) add(status int) *phone {
	const hour, day = 3600, 24 * 3600
	now, rng := f.now.Unix(), f.rng
	g := f.pickGroup()
	m := models[rng.IntN(len(models))]
	f.named[g]++
	f.made++
	number := f.number()
	p := &phone{
		number:  number,
		country: countries[rng.IntN(len(countries))],
		proxy:   f.proxies[rng.IntN(len(f.proxies))],
		chance:  rand.New(rand.NewPCG(f.seed, number)),
		living:  !f.still,
	}
	p.Phone = Phone{
		ID:         decimal(number),
		SerialName: fmt.Sprintf("%s-%04d", g, f.named[g]),
		SerialNo:   strconv.Itoa(f.made),
		Group:      g,
		Remark:     remarks[rng.IntN(len(remarks))],
		CreateTime: now - 30*day - rng.Int64N(300*day),
		Status:     status,
		ProxyID:    p.proxy.id,
		Brand:      m.brand,
		Model:      m.name,
		OSVersion:  m.os,
		Country:    p.country.name,
		NetType:    rng.IntN(2),
	}
	for _, tag := range tags {
		if rng.IntN(4) == 0 {
			p.Tags = append(p.Tags, tag)
		}
	}
	switch kind := rng.IntN(10); {
	case f.calm:
		if kind < 6 {
			p.ChargeMode, p.MonthlyExpire = monthly, now+10*day+rng.Int64N(50*day)
		}
		switch { // one has just expired, others do soon, the first within an hour
		case f.made == 20:
			p.ChargeMode, p.MonthlyExpire, p.lapses = monthly, f.present.Unix()-2*hour, true
		case f.made%100 == 50:
			p.ChargeMode, p.MonthlyExpire, p.lapses = monthly, f.present.Unix()+hour/3+int64(f.made/100)*day*2/3, true
		}
	case status == expired:
		p.ChargeMode, p.MonthlyExpire = monthly, now-hour-rng.Int64N(20*day)
	case kind < 1: // soon
		p.ChargeMode, p.MonthlyExpire = monthly, now+hour+rng.Int64N(3*day)
	case kind < 6:
		p.ChargeMode, p.MonthlyExpire = monthly, now+3*day+rng.Int64N(57*day)
	}
	if f.calm && status == expired {
		p.ChargeMode, p.MonthlyExpire = monthly, now-hour
	}
	p.HasBind = p.ChargeMode == monthly
	if status == started {
		p.RPAStatus = p.chance.IntN(4) / 3
	}
	if on(status) {
		f.charge(p)
	}
	if status == started {
		f.usage.begin(p, f.now)
	}
	f.phones[p.ID] = p
	f.order = append(f.order, p)
	switch {
	case p.living && status != expired:
		f.begin(p)
	case p.living:
		f.awaitRenewal(p, f.now)
	}
	return p
}

func (f *fleet) pickGroup() string {
	n := f.rng.IntN(100)
	i := 0
	for n >= groups[i].share {
		n -= groups[i].share
		i++
	}
	return groups[i].name
}

// find returns the phone and its place in the list, or -1.
func (f *fleet) find(id string) (*phone, int) {
	p := f.phones[id]
	if p == nil {
		return nil, -1
	}
	return p, slices.Index(f.order, p)
}

func (p *phone) copy() Phone {
	c := p.Phone
	c.Tags = slices.Clone(c.Tags)
	return c
}

// A device is the personal part of a phone.
type device struct{ phoneNumber, imei, wifiBSSID, mac, bluetoothMAC string }

// device makes it from the phone's number each time, so that a large fleet
// need not keep it. The numbers are recognizable fakes: line 5550, an IMEI of
// the test range 00, and locally administered MACs.
func (p *phone) device() device {
	rng := rand.New(rand.NewPCG(p.number, p.number))
	mac := func() string {
		n := rng.Uint64()
		return fmt.Sprintf("02:%02X:%02X:%02X:%02X:%02X", n>>32&255, n>>24&255, n>>16&255, n>>8&255, n&255)
	}
	return device{
		phoneNumber:  fmt.Sprintf("%s5550%06d", p.country.dial, rng.IntN(1e6)),
		imei:         fmt.Sprintf("00%013d", rng.Int64N(1e13)),
		wifiBSSID:    mac(),
		mac:          mac(),
		bluetoothMAC: mac(),
	}
}
