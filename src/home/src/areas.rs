//! Rooms and storeys: the owner's, and the rooms that devices suggest.

use std::collections::HashMap;

use crate::config::HomeConfig;
use crate::model::{Area, AreaId, Floor, FloorId};
use crate::text::{fold, slug};

/// Most rooms that devices may add by suggesting them.
const MAX_SUGGESTED: usize = 200;

/// The rooms and storeys of a house.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Areas {
    pub(crate) areas: Vec<Area>,
    pub(crate) floors: Vec<Floor>,
    /// What the owner put where: folded entity id, unique id or device name.
    members: HashMap<String, AreaId>,
    suggested: usize,
}

impl Areas {
    /// What the owner configured. Floors that an area names and nobody described come into being.
    pub(crate) fn new(config: &HomeConfig) -> Self {
        let mut all = Self::default();
        for floor in &config.floors {
            let id = floor.id.clone().unwrap_or_else(|| slug(&floor.name));
            all.floors.push(Floor { id, name: floor.name.clone(), aliases: floor.aliases.clone() });
        }
        for area in &config.areas {
            let id = area.id.clone().unwrap_or_else(|| slug(&area.name));
            let floor = area.floor.as_deref().map(|floor| all.floor_or_new(floor));
            for member in &area.members {
                all.members.insert(fold(member), id.clone());
            }
            all.areas.push(Area { id, name: area.name.clone(), aliases: area.aliases.clone(), floor });
        }
        all
    }

    fn floor_or_new(&mut self, name: &str) -> FloorId {
        if let Some(floor) = find(&self.floors, name, |floor| (&floor.id, &floor.name, &floor.aliases)) {
            return floor.id.clone();
        }
        let id = slug(name);
        self.floors.push(Floor { id: id.clone(), name: name.to_owned(), aliases: Vec::new() });
        id
    }

    /// The area that the owner put something into, by any of its names.
    pub(crate) fn member(&self, names: &[Option<&str>]) -> Option<AreaId> {
        names.iter().flatten().find_map(|name| self.members.get(&fold(name))).cloned()
    }

    /// The area of this id, name or alias; it comes into being where there is none.
    pub(crate) fn area_or_new(&mut self, name: &str) -> Option<AreaId> {
        if let Some(area) = find_area(&self.areas, name) {
            return Some(area.id.clone());
        }
        if self.suggested >= MAX_SUGGESTED || name.chars().count() > 100 {
            return None;
        }
        self.suggested += 1;
        let id = slug(name);
        let name = name.trim().to_owned();
        self.areas.push(Area { id: id.clone(), name, aliases: Vec::new(), floor: None });
        Some(id)
    }
}

/// The area of this id, name or alias.
pub(crate) fn find_area<'a>(areas: &'a [Area], name: &str) -> Option<&'a Area> {
    find(areas, name, |area| (&area.id, &area.name, &area.aliases))
}

/// The floor of this id, name or alias.
pub(crate) fn find_floor<'a>(floors: &'a [Floor], name: &str) -> Option<&'a Floor> {
    find(floors, name, |floor| (&floor.id, &floor.name, &floor.aliases))
}

fn find<'a, T>(all: &'a [T], name: &str, parts: impl Fn(&T) -> (&String, &String, &Vec<String>)) -> Option<&'a T> {
    let folded = fold(name);
    all.iter().find(|item| parts(item).0 == name).or_else(|| {
        all.iter().find(|item| {
            let (_, own, aliases) = parts(item);
            fold(own) == folded || aliases.iter().any(|alias| fold(alias) == folded)
        })
    })
}
