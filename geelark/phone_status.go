package geelark

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxStatusIDs is the most ids that one [Client.PhoneStatus] call takes.
const MaxStatusIDs = 100

// A Status is a phone's status code. Codes that are not documented are kept as
// they are.
type Status int

// The documented statuses.
const (
	StatusStarted  Status = 0
	StatusStarting Status = 1
	StatusShutDown Status = 2
	StatusExpired  Status = 3 // known from phone/status only, phone/list has no such code
)

// String returns the status in the words of metric labels: "started",
// "starting", "shut_down", "expired", and "unknown" for any other code.
func (s Status) String() string {
	switch s {
	case StatusStarted:
		return "started"
	case StatusStarting:
		return "starting"
	case StatusShutDown:
		return "shut_down"
	case StatusExpired:
		return "expired"
	}
	return "unknown"
}

// PhoneStatuses is the answer of phone/status (document [Query status]). An
// answer may name an id more than once, leave one out, or name one that was not
// asked for.
//
// [Query status]: https://doc.geelark.com/web/#/602813392/101527839
type PhoneStatuses struct {
	// At is when the answered request was sent: the statuses are at least as
	// new.
	At       time.Time
	Phones   []PhoneStatus
	Failures []PhoneFailure
	// Skipped are details that named no phone: without an id, or with one that
	// is neither a string nor a number of digits.
	Skipped int
	// Oddities are fields of other kinds than the documented ones, at most 100.
	Oddities []Oddity
}

// A PhoneStatus is one phone's status.
type PhoneStatus struct {
	ID         string
	SerialName string // "" when it was not told
	Status     Status
}

// A PhoneFailure is one phone that could not be looked up.
type PhoneFailure struct {
	ID   string
	Code Code
	// Malformed says that the answer names the phone, but neither its status nor
	// a code in a way that can be read. Code is then [CodeOK].
	Malformed bool
}

// PhoneStatus returns the status of 1 to [MaxStatusIDs] phones (document [Query
// status]).
//
// A phone that cannot be looked up, and one whose detail cannot be read, is not
// an error but a failure in the answer. An answer without any detail that can be
// read is an error, and so is one that contradicts itself: it says that phones
// succeeded and has none.
//
// Its errors are [*TransportError], [*HTTPError], [*APIError], [*LimitError],
// [*CredentialsError], and one that wraps [ErrNotSent] when ctx ended while the
// call waited.
//
// [Query status]: https://doc.geelark.com/web/#/602813392/101527839
func (c *Client) PhoneStatus(ctx context.Context, ids []string) (*PhoneStatuses, error) {
	return c.phoneStatus(ctx, nil, ids)
}

// PhoneStatus is [Client.PhoneStatus] in the reserved place, which is used up by
// it. Repetitions find their own places.
func (r *Reservation) PhoneStatus(ctx context.Context, ids []string) (*PhoneStatuses, error) {
	defer r.Cancel()
	return r.client.phoneStatus(ctx, r, ids)
}

func (c *Client) phoneStatus(ctx context.Context, reserved *Reservation, ids []string) (*PhoneStatuses, error) {
	if len(ids) < 1 || len(ids) > MaxStatusIDs {
		return nil, fmt.Errorf("%s: takes 1 to %d ids, not %d", EndpointPhoneStatus, MaxStatusIDs, len(ids))
	}
	var d phoneStatusData
	at, err := c.call(ctx, EndpointPhoneStatus, reserved, map[string][]string{"ids": ids}, &d)
	if err != nil {
		return nil, err
	}
	return d.statuses(at), nil
}

// phoneStatusData is the data of phone/status.
type phoneStatusData struct {
	totalAmount, successAmount, failAmount Optional[int]
	successes, failures                    details
}

// details are one list of details.
type details struct {
	isList   bool
	phones   []PhoneStatus
	failures []PhoneFailure
	oddities []Oddity
	skipped  int
}

func (d *phoneStatusData) read(r *reader) {
	*d = phoneStatusData{}
	r.object(func(name []byte) {
		switch string(name) {
		case "totalAmount":
			d.totalAmount = integer[int](r)
		case "successAmount":
			d.successAmount = integer[int](r)
		case "failAmount":
			d.failAmount = integer[int](r)
		case "successDetails":
			d.successes.read(r, "status")
		case "failDetails":
			d.failures.read(r, "code")
		}
	})
}

// read takes a list of details anew. Their field value is a status or the code of
// a failure.
func (d *details) read(r *reader, value string) {
	*d = details{}
	d.isList = r.list(func() {
		var id, serialName string
		var n Optional[int]
		mark := r.mark()
		r.object(func(name []byte) {
			switch string(name) {
			case "id":
				id = r.id()
			case "serialName":
				serialName = r.text()
			case value:
				n = integer[int](r)
			}
		})
		odd := r.oddSince(mark)
		code, legible := n.Get()
		switch {
		case id == "":
			d.skipped++
		case !legible:
			d.failures = append(d.failures, PhoneFailure{ID: id, Malformed: true})
			if !slices.Contains(odd, value) { // it is absent or null
				odd = append(odd, value)
			}
		case value == "status":
			d.phones = append(d.phones, PhoneStatus{ID: id, SerialName: serialName, Status: Status(code)})
		default:
			d.failures = append(d.failures, PhoneFailure{ID: id, Code: Code(code)})
		}
		d.oddities = appendOddities(d.oddities, id, odd)
	})
}

func (d *details) legible() int { return len(d.phones) + len(d.failures) }

// accepts takes what succeeded and what failed of a batch from its details.
func (d *phoneStatusData) accepts(c Code) bool {
	return (c == CodePartial || c == CodeBatchFailed) && d.successes.legible()+d.failures.legible() > 0
}

// check refuses an answer in which phones would look left out although it says
// that it tells of them.
func (d *phoneStatusData) check() error {
	legible := d.successes.legible() + d.failures.legible()
	switch {
	case !d.successes.isList && !d.failures.isList:
		return errors.New("the answer's data has neither successDetails nor failDetails")
	case legible == 0 && d.successes.skipped+d.failures.skipped > 0:
		return errors.New("none of the answer's details has an id that can be read")
	case d.successes.legible()+d.successes.skipped == 0 && d.successAmount.Or(0) > 0,
		legible == 0 && (d.failAmount.Or(0) > 0 || d.totalAmount.Or(0) > 0):
		return errors.New("the answer contradicts itself: it has none of the details that it counts")
	}
	return nil
}

func (d *phoneStatusData) statuses(at time.Time) *PhoneStatuses {
	oddities := append(d.successes.oddities, d.failures.oddities...)
	return &PhoneStatuses{
		At: at, Phones: d.successes.phones, Failures: append(d.successes.failures, d.failures.failures...),
		Skipped: d.successes.skipped + d.failures.skipped, Oddities: oddities[:min(len(oddities), maxOddities)],
	}
}
