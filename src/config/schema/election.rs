//! What changes how a virtual router is elected.

use super::settings::Settings;
use crate::config::error::Report;
use crate::vrrp::settings::Election;
use core::time::Duration;

/// The longest `preempt_delay`, as with keepalived.
const LONGEST: Duration = Duration::from_secs(1000);

/// Reads those words of an instance.
pub fn read(settings: &Settings<'_>, nopreempt: bool, report: &mut Report) -> Election {
    let default = Election::default();
    let flag = |word| settings.flag(word).unwrap_or(false);
    Election {
        preempt_delay: preempt_delay(settings, nopreempt, report),
        down_timer_adverts: settings
            .octet("down_timer_adverts")
            .unwrap_or(default.down_timer_adverts),
        lower_prio_no_advert: flag("lower_prio_no_advert"),
        higher_prio_send_advert: flag("higher_prio_send_advert"),
        owner_ignore_adverts: flag("owner_ignore_adverts"),
        ..default
    }
}

fn preempt_delay(settings: &Settings<'_>, nopreempt: bool, report: &mut Report) -> Duration {
    let delay = settings.time("preempt_delay").unwrap_or_default();
    if delay > LONGEST {
        let message = format!("preempt_delay must be 0 to {} seconds", LONGEST.as_secs());
        settings.error("preempt_delay", message, report);
        return Duration::ZERO;
    }
    if !delay.is_zero() && nopreempt {
        let message = "preempt_delay has no effect with nopreempt: a MASTER of lower priority is \
                       left alone for good";
        report.warning(settings.place_of("preempt_delay"), message).help("leave one of them out");
    }
    if !delay.is_zero() && settings.octet("priority") == Some(255) {
        let message = "preempt_delay: with priority 255 the addresses are this router's own, and \
                       yet others keep them so long";
        report.warning(settings.place_of("preempt_delay"), message);
    }
    delay
}
