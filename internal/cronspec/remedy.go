package cronspec

import (
	"fmt"
	"strings"
	"time"
)

// Remedy is what may be written instead of a refused expression. Its expressions parse, and its
// condition compiles.
type Remedy struct {
	// Expressions are to be written as cron_expression, all of them.
	Expressions []string
	// When is the condition that each rule needs besides; "" for none. It names the zone.
	When string
	// Timezone is to be written as timezone; "" where it stays as it is.
	Timezone string
	// Same says that this runs at the very times that were meant.
	Same bool
	// Notes say what is lost or read otherwise.
	Notes []string
}

// String says what to write, for instance `write "0 0 28-31 * *" and when: … in each rule
// (every year)`.
func (r *Remedy) String() string {
	if len(r.Expressions) == 0 {
		return fmt.Sprintf("write timezone: %s", r.Timezone)
	}
	var b strings.Builder
	b.WriteString("write ")
	if len(r.Expressions) > 1 {
		b.WriteString("the expressions ")
	}
	for i, x := range r.Expressions {
		switch {
		case i > 0 && i == len(r.Expressions)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", x)
	}
	if r.Timezone != "" {
		b.WriteString(", timezone: " + r.Timezone)
	}
	if r.When != "" {
		b.WriteString(" and in each rule when: " + r.When)
	}
	if len(r.Notes) > 0 {
		b.WriteString(" (" + strings.Join(r.Notes, "; ") + ")")
	}
	return b.String()
}

// note adds what is lost. What was meant is then no longer had in full.
func (r *Remedy) note(text string) {
	r.Notes = append(r.Notes, text)
	r.Same = false
}

const minutesPerDay = 24 * 60

// every is what fires every so many minutes, counted from midnight; nil where nothing comes
// near it.
func every(minutes int) *Remedy {
	switch {
	case minutes <= 0:
		return nil
	case minutes > minutesPerDay:
		return everyDays(minutes)
	}
	r := &Remedy{Same: true}
	if minutesPerDay%minutes != 0 {
		near := nearestDivisor(minutes)
		r.note(fmt.Sprintf("every %s: %s do not divide a day", minuteText(near), minuteText(minutes)))
		minutes = near
	}
	r.Expressions = timesOfDay(minutes, "* * *")
	return r
}

// everyDays is for more than a day.
func everyDays(minutes int) *Remedy {
	days := minutes / minutesPerDay
	switch {
	case minutes == 7*minutesPerDay:
		return &Remedy{Expressions: []string{"0 0 * * 0"}, Same: true}
	case minutes%minutesPerDay != 0 || days > 15:
		return nil
	}
	r := &Remedy{Expressions: []string{fmt.Sprintf("0 0 */%d * *", days)}}
	r.note("the count of days begins anew each month")
	return r
}

func nearestDivisor(minutes int) int {
	for off := 1; ; off++ {
		for _, n := range []int{minutes - off, minutes + off} {
			if n > 0 && minutesPerDay%n == 0 {
				return n
			}
		}
	}
}

func minuteText(minutes int) string {
	if minutes%60 == 0 {
		return fmt.Sprintf("%d h", minutes/60)
	}
	return fmt.Sprintf("%d minutes", minutes)
}

// timesOfDay are the expressions of 00:00 and every so many minutes after it: hours in which
// the same minutes are due share one.
func timesOfDay(minutes int, days string) []string {
	period := 1 // hours after which the minutes repeat
	for period*60%minutes != 0 {
		period++
	}
	var out []string
	for hour := range period {
		var due uint64
		for m := range 60 {
			if (hour*60+m)%minutes == 0 {
				due |= 1 << uint(m)
			}
		}
		if due == 0 {
			continue
		}
		minute := minuteRule.format(valueSet{bits: due, star: minutes < 60 && 60%minutes == 0})
		out = append(out, minute+" "+hoursFrom(hour, period, minutes)+" "+days)
	}
	return out
}

func hoursFrom(hour, period, minutes int) string {
	switch {
	case period == 1:
		return "*"
	case period == 24:
		return fmt.Sprint(hour)
	case minutes%60 == 0:
		return fmt.Sprintf("*/%d", period)
	}
	return fmt.Sprintf("%d-23/%d", hour, period)
}

// everyDuration is for a length of time in Go's notation.
func everyDuration(text string) *Remedy {
	for unit, hours := range map[string]int{"d": 24, "w": 7 * 24} {
		if count, found := strings.CutSuffix(text, unit); found {
			if n, ok := smallNumber(count); ok {
				text = fmt.Sprintf("%dh", n*hours)
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > 366*24*time.Hour {
		return nil
	}
	if whole := d.Round(time.Minute); whole != d {
		r := every(max(1, int(whole/time.Minute)))
		if r != nil {
			r.note("a minute is the smallest unit")
		}
		return r
	}
	return every(int(d / time.Minute))
}
