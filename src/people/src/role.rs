//! What each role may do: one table, consulted by every action.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody is to the household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the house: invites, removes, configures.
    Owner,
    /// Lives here and may do everything in the home.
    Adult,
    /// Lives here; no locks, no alarms, no purchases.
    Child,
    /// Visits: lights, fans and music, nothing that tells about the household.
    Guest,
}

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Speak or write to the house, and have it speak.
    Talk,
    /// See rooms and devices.
    ReadHome,
    /// See locks, alarms, cameras and who is at home.
    ReadSecurity,
    /// Lights, plugs, fans and media.
    ControlHome,
    /// Heating, blinds, vacuum and other machines.
    ControlAppliances,
    /// Locks, alarms, doors, gates and valves.
    UnlockDoors,
    /// Shopping and other lists.
    KeepLists,
    /// Spend money.
    Purchase,
    /// One's own turns.
    ReadTurns,
    /// Everybody's turns.
    ReadAllTurns,
    /// See and revoke one's own devices and passkeys.
    ManageDevices,
    /// Make API tokens for oneself.
    ManageTokens,
    /// Invite, change and remove people, their devices and tokens; read the audit log.
    ManagePeople,
    /// Settings of the house.
    ManageHouse,
    /// State of the engines and the broker.
    ReadStatus,
    /// Counters and histograms.
    ReadMetrics,
}

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Adult, Self::Child, Self::Guest];

    /// The table.
    pub const fn may(self, action: Action) -> bool {
        // Who may, in the order owner, adult, child, guest.
        let (owner, adult, child, guest) = match action {
            Action::Talk => (true, true, true, true),
            Action::ReadHome => (true, true, true, true),
            Action::ReadSecurity => (true, true, true, false),
            Action::ControlHome => (true, true, true, true),
            Action::ControlAppliances => (true, true, true, false),
            Action::UnlockDoors => (true, true, false, false),
            Action::KeepLists => (true, true, true, false),
            Action::Purchase => (true, true, false, false),
            Action::ReadTurns => (true, true, true, false),
            Action::ReadAllTurns => (true, false, false, false),
            Action::ManageDevices => (true, true, true, true),
            Action::ManageTokens => (true, true, false, false),
            Action::ManagePeople => (true, false, false, false),
            Action::ManageHouse => (true, false, false, false),
            Action::ReadStatus => (true, true, true, false),
            Action::ReadMetrics => (true, true, false, false),
        };
        match self {
            Self::Owner => owner,
            Self::Adult => adult,
            Self::Child => child,
            Self::Guest => guest,
        }
    }

    /// The role's name, as in the API and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Adult => "adult",
            Self::Child => "child",
            Self::Guest => "guest",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let role = Self::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| format!("'{text}' is no role; the roles are owner, adult, child and guest"))
    }
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 16] = [
        Self::Talk,
        Self::ReadHome,
        Self::ReadSecurity,
        Self::ControlHome,
        Self::ControlAppliances,
        Self::UnlockDoors,
        Self::KeepLists,
        Self::Purchase,
        Self::ReadTurns,
        Self::ReadAllTurns,
        Self::ManageDevices,
        Self::ManageTokens,
        Self::ManagePeople,
        Self::ManageHouse,
        Self::ReadStatus,
        Self::ReadMetrics,
    ];

    /// The action's name, as in the API and in scopes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Talk => "talk",
            Self::ReadHome => "read_home",
            Self::ReadSecurity => "read_security",
            Self::ControlHome => "control_home",
            Self::ControlAppliances => "control_appliances",
            Self::UnlockDoors => "unlock_doors",
            Self::KeepLists => "keep_lists",
            Self::Purchase => "purchase",
            Self::ReadTurns => "read_turns",
            Self::ReadAllTurns => "read_all_turns",
            Self::ManageDevices => "manage_devices",
            Self::ManageTokens => "manage_tokens",
            Self::ManagePeople => "manage_people",
            Self::ManageHouse => "manage_house",
            Self::ReadStatus => "read_status",
            Self::ReadMetrics => "read_metrics",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|action| action.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|action| action.name()).collect();
            format!("'{text}' is no scope; the scopes are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out a second time, on purpose: a change of the table must be meant.
    #[test]
    fn the_table() {
        let may = |role: Role| {
            Action::ALL.into_iter().filter(|action| role.may(*action)).map(Action::name).collect::<Vec<_>>()
        };
        assert_eq!(may(Role::Owner).len(), Action::ALL.len(), "an owner may do everything");
        assert_eq!(
            may(Role::Adult),
            [
                "talk",
                "read_home",
                "read_security",
                "control_home",
                "control_appliances",
                "unlock_doors",
                "keep_lists",
                "purchase",
                "read_turns",
                "manage_devices",
                "manage_tokens",
                "read_status",
                "read_metrics"
            ]
        );
        assert_eq!(
            may(Role::Child),
            [
                "talk",
                "read_home",
                "read_security",
                "control_home",
                "control_appliances",
                "keep_lists",
                "read_turns",
                "manage_devices",
                "read_status"
            ]
        );
        assert_eq!(may(Role::Guest), ["talk", "read_home", "control_home", "manage_devices"]);
    }

    /// Nobody may do what somebody mightier may not: promoting a person never takes anything away.
    #[test]
    fn each_role_may_what_the_next_may() {
        for pair in Role::ALL.windows(2) {
            for action in Action::ALL {
                assert!(pair[0].may(action) || !pair[1].may(action), "{} but not {}: {action}", pair[1], pair[0]);
            }
        }
    }

    #[test]
    fn names_can_be_read_back() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            assert_eq!(serde_names(&role), role.name());
        }
        for action in Action::ALL {
            assert_eq!(action.name().parse(), Ok(action));
            assert_eq!(serde_names(&action), action.name());
        }
        assert!("root".parse::<Role>().unwrap_err().contains("owner, adult"));
    }

    fn serde_names(value: &impl Serialize) -> String {
        serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
    }
}
