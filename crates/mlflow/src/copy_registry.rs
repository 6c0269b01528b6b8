//! The registry's part of a copy.

use std::{cell::RefCell, collections::BTreeMap};

use kilter_domain::transfer::{Record, RegisteredModelRecord, VersionRecord};

use crate::{
    TransferError,
    copy::Copy,
    report::Kind,
    same::{Common, digest_of},
    source::is_copied,
    target::Batch,
};

impl Copy<'_> {
    /// Brings registered models, their versions, and then their aliases.
    pub(crate) fn registry(&mut self) -> Result<(), TransferError> {
        let (source, target) = (self.source, self.target);
        let ours: RefCell<BTreeMap<String, RegisteredModelRecord>> = RefCell::default();
        let our_versions: RefCell<BTreeMap<(String, u32), VersionRecord>> = RefCell::default();
        let read = || {
            target.source().registered_models(&mut |page| {
                ours.borrow_mut().extend(page.into_iter().map(|model| (model.name.clone(), model)));
                Ok(())
            })
        };
        let read_versions = || {
            target.source().versions(&mut |page| {
                our_versions.borrow_mut().extend(page.into_iter().map(|v| ((v.model.clone(), v.number), v)));
                Ok(())
            })
        };
        read()?;
        read_versions()?;
        let mut batch = Batch::new(target);
        let mut models = Vec::new();
        source.registered_models(&mut |page| {
            for model in page {
                let is_same = ours.borrow().get(&model.name).is_some_and(|have| have.common(&model) == model);
                if !is_same {
                    self.report.count_mut(Kind::RegisteredModels).brought += 1;
                    if !self.options.is_dry_run {
                        let first = RegisteredModelRecord { aliases: BTreeMap::new(), ..model.clone() };
                        batch.add(Record::RegisteredModel(first))?;
                    }
                }
                models.push((model, is_same));
            }
            Ok(())
        })?;
        let mut versions = Vec::new();
        source.versions(&mut |page| {
            for version in page {
                let want = VersionRecord { source: self.mapped_source(&version.source), ..version };
                let key = (want.model.clone(), want.number);
                if our_versions.borrow().get(&key).is_none_or(|have| have.common(&want) != want) {
                    self.report.count_mut(Kind::Versions).brought += 1;
                    if !self.options.is_dry_run {
                        batch.add(Record::Version(Box::new(want.clone())))?;
                    }
                }
                versions.push(want);
            }
            Ok(())
        })?;
        for (model, _) in models.iter().filter(|(_, is_same)| !is_same && !self.options.is_dry_run) {
            batch.add(Record::RegisteredModel(model.clone()))?;
        }
        batch.flush()?;
        read()?;
        read_versions()?;
        for (want, _) in &models {
            let here = ours.borrow().get(&want.name).map(|have| digest_of(&have.common(want)));
            self.compare(Kind::RegisteredModels, digest_of(want), here, || format!("registered model `{}`", want.name));
        }
        for want in &versions {
            let here =
                our_versions.borrow().get(&(want.model.clone(), want.number)).map(|v| digest_of(&v.common(want)));
            self.compare(Kind::Versions, digest_of(want), here, || {
                format!("version {} of `{}`", want.number, want.model)
            });
        }
        (self.progress)(&self.report);
        Ok(())
    }

    /// The address of a version's files, where they lie here.
    fn mapped_source(&self, source: &str) -> String {
        let moved = self.places.values().filter(|place| is_copied(&place.was)).find_map(|place| {
            let rest = source.strip_prefix(place.was.trim_end_matches('/'))?;
            rest.starts_with('/').then(|| format!("{}{rest}", self.own_location(place)))
        });
        moved.unwrap_or_else(|| source.to_owned())
    }
}
