'use strict';
// On a form that asks for the user, the other fields offer that user's rows only: each request of
// an autocomplete says who is chosen, and another choice clears what belonged to the one before.
(function($) {
    $.ajaxPrefilter(function(options) {
        const user = document.getElementById('id_user');
        if (user && user.value && options.url.includes('/autocomplete/')) {
            options.data = (options.data ? options.data + '&' : '') + $.param({user: user.value});
        }
    });
    $(document).on('change', '#id_user', function() {
        $('select.admin-autocomplete').not(this).val(null).trigger('change');
    });
})(django.jQuery);
